internal import CYAML
internal import JSON

extension YAMLDocument {
    /// Parses every document of a stream. JSON is YAML, so a JSON text is read as well.
    ///
    /// Anchors, aliases and merge keys (`<<`) work. Aliases may not blow the text up beyond a million values, so that
    /// a small file cannot exhaust memory.
    /// - Returns: the documents in order; an empty document (only comments) is left out.
    public static func parse(_ bytes: [UInt8]) throws(YAMLError) -> [YAMLDocument] {
        let result: Result<[YAMLDocument], YAMLError> = bytes.withUnsafeBufferPointer { buffer in
            var parser = yaml_parser_t()
            guard yaml_parser_initialize(&parser) == 1 else {
                return .failure(YAMLError(message: "libyaml is out of memory", line: 1, column: 1))
            }
            defer { yaml_parser_delete(&parser) }
            yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
            do throws(YAMLError) {
                return .success(try documents(&parser))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Parses every document of a stream.
    public static func parse(_ text: String) throws(YAMLError) -> [YAMLDocument] {
        try parse(Array(text.utf8))
    }

    private static func documents(_ parser: inout yaml_parser_t) throws(YAMLError) -> [YAMLDocument] {
        var documents: [YAMLDocument] = []
        while true {
            var document = yaml_document_t()
            guard yaml_parser_load(&parser, &document) == 1 else { throw YAMLError(parser) }
            defer { yaml_document_delete(&document) }
            guard yaml_document_get_root_node(&document) != nil else { return documents }
            var reader = NodeReader(document)
            let value = try reader.read(1, path: "", depth: 0)
            if !value.isNull { documents.append(YAMLDocument(value: value, lines: reader.lines)) }
        }
    }
}

extension YAMLError {
    fileprivate init(_ parser: yaml_parser_t) {
        let problem = parser.problem.map { String(cString: $0) } ?? "the text cannot be read"
        let context = parser.context.map { " " + String(cString: $0) } ?? ""
        // A fault of the encoding has an offset only; it is in the line being read then.
        let mark = parser.error == YAML_READER_ERROR ? parser.mark : parser.problem_mark
        self.init(message: problem + context, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }

    fileprivate init(_ message: String, _ mark: yaml_mark_t) {
        self.init(message: message, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}

/// Turns libyaml's node table into a value. Node numbers start at 1.
private struct NodeReader {
    /// Real documents have a few thousand values; a hundred times that is an attack or an accident.
    private static let maximumValues = 1_000_000

    private let nodes: UnsafeMutablePointer<yaml_node_t>?
    private let count: Int
    private var valuesLeft = NodeReader.maximumValues
    private(set) var lines: [String: Int] = [:]

    init(_ document: yaml_document_t) {
        nodes = document.nodes.start
        count = document.nodes.top - document.nodes.start
    }

    mutating func read(_ number: Int32, path: String, depth: Int) throws(YAMLError) -> JSONValue {
        guard let node = node(number) else { return .null }
        valuesLeft -= 1
        guard valuesLeft > 0 else { throw YAMLError("the aliases expand to too many values", node.start_mark) }
        guard depth < JSONValue.maximumDepth else {
            throw YAMLError("nested more than \(JSONValue.maximumDepth) levels deep", node.start_mark)
        }
        lines[path] = Int(node.start_mark.line) + 1
        switch node.type {
        case YAML_SCALAR_NODE: return scalar(node)
        case YAML_SEQUENCE_NODE: return try sequence(node, path: path, depth: depth)
        case YAML_MAPPING_NODE: return .object(try mapping(node, path: path, depth: depth))
        default: return .null
        }
    }

    private func node(_ number: Int32) -> yaml_node_t? {
        guard number >= 1, Int(number) <= count else { return nil }
        return nodes?[Int(number) - 1]
    }

    private func text(_ node: yaml_node_t) -> String {
        let scalar = node.data.scalar
        return String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
    }

    private func scalar(_ node: yaml_node_t) -> JSONValue {
        let text = text(node)
        let tag = node.tag.map { String(cString: $0) } ?? YAML_STR_TAG
        switch tag {
        // libyaml gives every scalar without a tag of its own the string tag; only the style tells plain ones apart.
        case YAML_STR_TAG where node.data.scalar.style == YAML_PLAIN_SCALAR_STYLE: return YAMLScalar.resolve(text)
        case YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG, YAML_NULL_TAG: return YAMLScalar.resolve(text)
        default: return .string(text)
        }
    }

    private mutating func sequence(_ node: yaml_node_t, path: String, depth: Int) throws(YAMLError) -> JSONValue {
        var elements: [JSONValue] = []
        let items = node.data.sequence.items
        let numbers = UnsafeBufferPointer(start: items.start, count: items.top - items.start)
        for (index, number) in numbers.enumerated() {
            elements.append(try read(number, path: "\(path)[\(index)]", depth: depth + 1))
        }
        return .array(elements)
    }

    private mutating func mapping(
        _ node: yaml_node_t,
        path: String,
        depth: Int
    ) throws(YAMLError) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        var merged: [String: JSONValue] = [:]
        let pairs = node.data.mapping.pairs
        for pair in UnsafeBufferPointer(start: pairs.start, count: pairs.top - pairs.start) {
            guard let keyNode = self.node(pair.key) else { continue }
            guard keyNode.type == YAML_SCALAR_NODE else {
                throw YAMLError("the key of a mapping must be a scalar", keyNode.start_mark)
            }
            let key = text(keyNode)
            if key == "<<", keyNode.data.scalar.style == YAML_PLAIN_SCALAR_STYLE {
                let source = try read(pair.value, path: path, depth: depth + 1)
                for map in source.array ?? [source] {
                    guard let map = map.object else {
                        throw YAMLError("'<<' takes a mapping or a list of mappings", keyNode.start_mark)
                    }
                    merged.merge(map) { first, _ in first }
                }
                continue
            }
            guard members[key] == nil else { throw YAMLError("the key \"\(key)\" is used twice", keyNode.start_mark) }
            members[key] = try read(pair.value, path: path.isEmpty ? key : "\(path).\(key)", depth: depth + 1)
        }
        return members.merging(merged) { own, _ in own }
    }
}
