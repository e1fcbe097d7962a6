/// One header field.
public struct HTTPHeader: Hashable, Sendable {
    /// The name in the case it was written or received. HTTP/2 servers send lower case.
    public var name: String
    /// The value without surrounding blanks.
    public var value: String

    /// A field of a request or response.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// Header fields in the order they were written or received; names are looked up without regard to case.
public struct HTTPHeaders: Hashable, Sendable, RandomAccessCollection, ExpressibleByDictionaryLiteral {
    private var fields: [HTTPHeader]

    /// These fields, in this order. A name may occur more than once.
    public init(_ fields: [HTTPHeader] = []) {
        self.fields = fields
    }

    /// These fields, in this order. A name may occur more than once.
    public init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { HTTPHeader($0.0, $0.1) }
    }

    /// The value of the first field of that name, in any case; nil when there is none.
    public subscript(name: String) -> String? {
        fields.first { $0.name.equalsIgnoringASCIICase(name) }?.value
    }

    /// The values of all fields of that name, in any case, in order.
    public func values(of name: String) -> [String] {
        fields.filter { $0.name.equalsIgnoringASCIICase(name) }.map(\.value)
    }

    /// Whether a field of that name, in any case, is there.
    public func contains(_ name: String) -> Bool {
        fields.contains { $0.name.equalsIgnoringASCIICase(name) }
    }

    /// Adds a field at the end and leaves others of the same name alone.
    public mutating func append(_ field: HTTPHeader) {
        fields.append(field)
    }

    /// Removes all fields of that name and adds this one at the end.
    public mutating func set(_ name: String, _ value: String) {
        fields.removeAll { $0.name.equalsIgnoringASCIICase(name) }
        fields.append(HTTPHeader(name, value))
    }

    /// Continues the last field, as the obsolete line folding of RFC 9112 section 5.2 does.
    mutating func continueLast(with text: String) {
        guard !fields.isEmpty else { return }
        fields[fields.count - 1].value += " " + text
    }

    /// The position of the first field.
    public var startIndex: Int { fields.startIndex }
    /// The position after the last field.
    public var endIndex: Int { fields.endIndex }
    /// The field at a position.
    public subscript(position: Int) -> HTTPHeader { fields[position] }
}

extension String {
    /// Whether both are the same when `A`...`Z` count as `a`...`z`. Nothing outside ASCII is folded, as HTTP wants it.
    func equalsIgnoringASCIICase(_ other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        return zip(utf8, other.utf8).allSatisfy { $0.asciiLowercased == $1.asciiLowercased }
    }
}

extension UInt8 {
    var asciiLowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }
}
