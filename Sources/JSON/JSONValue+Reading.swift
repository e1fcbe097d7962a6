extension JSONValue {
    /// How deeply arrays and objects may nest. Deeper input is refused, so that no document can overflow the stack.
    ///
    /// kube-apiserver itself refuses objects deeper than 10,000; real objects stay below 100.
    public static let maximumDepth = 512

    /// Parses one JSON document (RFC 8259) from UTF-8 bytes.
    ///
    /// Of members with the same key the last one stays. Invalid UTF-8 inside strings is replaced by U+FFFD.
    /// - Parameters:
    ///   - bytes: the text, blanks around it allowed.
    ///   - skipping: a path of member names, arrays on the way not counted. What is found there is checked for syntax
    ///     but not built. A Kubernetes client skips `items`, `metadata`, `managedFields`: a quarter of a typical list.
    public init(parsing bytes: some Sequence<UInt8>, skipping: [String] = []) throws(JSONSyntaxError) {
        let result: Result<JSONValue, JSONSyntaxError>? = bytes.withContiguousStorageIfAvailable { buffer in
            Self.parse(UnsafeRawBufferPointer(buffer), skipping: skipping)
        }
        self = try (result ?? Array(bytes).withUnsafeBytes { Self.parse($0, skipping: skipping) }).get()
    }

    /// Parses one JSON document from a string.
    public init(parsing text: String) throws(JSONSyntaxError) {
        try self.init(parsing: text.utf8)
    }

    static func parse(_ bytes: UnsafeRawBufferPointer, skipping: [String]) -> Result<JSONValue, JSONSyntaxError> {
        var reader = JSONReader(bytes, skipping: skipping)
        do throws(JSONDecodingError) {
            return .success(try reader.readDocument { reader throws(JSONDecodingError) in try reader.readValue() })
        } catch {
            return .failure(JSONSyntaxError(error.message, at: reader.position, in: bytes))
        }
    }

    /// Reads any value.
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) { self = try reader.readValue() }
}

extension JSONReader {
    /// Reads any value; throws only when it is no JSON.
    mutating func readValue() throws(JSONDecodingError) -> JSONValue {
        switch try peek() {
        case .string: return .string(string(try scanString()))
        case .object: return .object(try readMembers())
        case .array: return .array(try readElements())
        case .boolean: return .bool(try readBool())
        case .number:
            return switch try readNumber() {
            case .int(let value): .int(value)
            case .double(let value): .double(value)
            }
        case .null:
            try readWord("null")
            return .null
        }
    }

    private mutating func readMembers() throws(JSONDecodingError) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        var more = try enterObject()
        while more {
            let token = try readMemberName()
            let level = enter(token)
            if isLeftOut(level) { try skipValue() } else { members[string(token)] = try readValue() }
            leave(level)
            more = try nextMember()
        }
        return members
    }

    private mutating func readElements() throws(JSONDecodingError) -> [JSONValue] {
        var elements: [JSONValue] = []
        var more = try enterArray()
        while more {
            elements.append(try readValue())
            more = try nextElement()
        }
        return elements
    }
}
