extension JSONConvertible where Self: Encodable {
    /// Writes the value through its `Encodable` conformance. A value that refuses to be encoded becomes `null`.
    public func json() -> JSONValue {
        let node = Node()
        guard (try? encode(to: JSONValueEncoder(node: node, codingPath: []))) != nil else { return .null }
        return node.value
    }
}

/// A place in the document that an encoder fills. Used by the one task that encodes, and by nobody after.
private final class Node {
    enum Content {
        case leaf(JSONValue)
        case object([String: Node])
        case array([Node])
    }

    var content = Content.leaf(.null)

    var value: JSONValue {
        switch content {
        case .leaf(let value): value
        case .object(let members): .object(members.mapValues(\.value))
        case .array(let elements): .array(elements.map(\.value))
        }
    }

    func makeObject() {
        if case .leaf = content { content = .object([:]) }
    }

    func makeArray() {
        if case .leaf = content { content = .array([]) }
    }

    func member(_ key: String) -> Node {
        let node = Node()
        if case .object(var members) = content {
            members[key] = node
            content = .object(members)
        }
        return node
    }

    func appendElement() -> Node {
        let node = Node()
        if case .array(var elements) = content {
            elements.append(node)
            content = .array(elements)
        }
        return node
    }
}

private struct JSONValueEncoder: Encoder, SingleValueEncodingContainer {
    let node: Node
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        node.makeObject()
        return KeyedEncodingContainer(KeyedContainer<Key>(node: node, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        node.makeArray()
        return UnkeyedContainer(node: node, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    func encodeNil() { node.content = .leaf(.null) }
    func encode(_ value: Bool) { node.content = .leaf(.bool(value)) }
    func encode(_ value: String) { node.content = .leaf(.string(value)) }
    func encode(_ value: Double) { node.content = .leaf(.double(value)) }
    func encode(_ value: Float) { encode(Double(value)) }
    func encode(_ value: Int) { encode(Int64(value)) }
    func encode(_ value: Int8) { encode(Int64(value)) }
    func encode(_ value: Int16) { encode(Int64(value)) }
    func encode(_ value: Int32) { encode(Int64(value)) }
    func encode(_ value: Int64) { node.content = .leaf(.int(value)) }
    func encode(_ value: UInt) { encode(UInt64(value)) }
    func encode(_ value: UInt8) { encode(Int64(value)) }
    func encode(_ value: UInt16) { encode(Int64(value)) }
    func encode(_ value: UInt32) { encode(Int64(value)) }
    func encode(_ value: UInt64) {
        node.content = .leaf(Int64(exactly: value).map { .int($0) } ?? .double(Double(value)))
    }

    func encode<T: Encodable>(_ value: T) throws {
        // A type that knows its JSON form writes it: JSONValue itself, and the described types.
        if let direct = value as? any JSONConvertible {
            node.content = .leaf(direct.json())
        } else {
            try value.encode(to: self)
        }
    }
}

private struct KeyedContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: Node
    let codingPath: [any CodingKey]

    func encodeNil(forKey key: Key) { encoder(key).encodeNil() }
    func encode<T: Encodable>(_ value: T, forKey key: Key) throws { try encoder(key).encode(value) }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { encoder(key).unkeyedContainer() }
    func superEncoder() -> any Encoder { JSONValueEncoder(node: node.member("super"), codingPath: codingPath) }
    func superEncoder(forKey key: Key) -> any Encoder { encoder(key) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        encoder(key).container(keyedBy: type)
    }

    private func encoder(_ key: Key) -> JSONValueEncoder {
        JSONValueEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key])
    }
}

private struct UnkeyedContainer: UnkeyedEncodingContainer {
    let node: Node
    let codingPath: [any CodingKey]
    var count = 0

    mutating func encodeNil() { encoder().encodeNil() }
    mutating func encode<T: Encodable>(_ value: T) throws { try encoder().encode(value) }
    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { encoder().unkeyedContainer() }
    mutating func superEncoder() -> any Encoder { encoder() }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        encoder().container(keyedBy: type)
    }

    private mutating func encoder() -> JSONValueEncoder {
        count += 1
        return JSONValueEncoder(
            node: node.appendElement(),
            codingPath: codingPath + [AnyCodingKey(intValue: count - 1)]
        )
    }
}
