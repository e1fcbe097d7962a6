/// An absolute URL, or an absolute path alone, in its parts as they are written.
public struct AbsoluteURL: Sendable, Hashable {
    /// The whole.
    public let text: String
    let scheme: String
    /// Name or address and port.
    let host: String
    let path: String
    let query: String

    /// Reads `scheme:rest` or `/path`. Nil for anything else, blanks and control characters included.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F }), Self.escapesAreWhole(bytes) else { return nil }
        self.text = text
        var rest = bytes[...]
        if let fragment = rest.firstIndex(of: UInt8(ascii: "#")) { rest = rest[..<fragment] }
        if rest.first == UInt8(ascii: "/") {
            scheme = ""
        } else {
            let name = rest.prefix { $0 != UInt8(ascii: ":") }
            let isName = name.first.map { $0.isLetter && $0 != UInt8(ascii: "_") } ?? false
            guard isName, name.count < rest.count, name.allSatisfy({ Self.isSchemeCharacter($0) }) else { return nil }
            scheme = StringFunctions.mapped(String(decoding: name, as: UTF8.self), 0x41...0x5A)
            rest = rest.dropFirst(name.count + 1)
        }
        if let mark = rest.firstIndex(of: UInt8(ascii: "?")) {
            query = String(decoding: rest[(mark + 1)...], as: UTF8.self)
            rest = rest[..<mark]
        } else {
            query = ""
        }
        if !scheme.isEmpty, rest.starts(with: "//".utf8) {
            let authority = rest.dropFirst(2).prefix { $0 != UInt8(ascii: "/") }
            rest = rest.dropFirst(2 + authority.count)
            let name = authority.lastIndex(of: UInt8(ascii: "@")).map { authority[($0 + 1)...] } ?? authority
            guard let host = Self.host(name) else { return nil }
            self.host = host
        } else {
            host = ""
        }
        path = String(decoding: rest, as: UTF8.self)
    }

    private static func isSchemeCharacter(_ byte: UInt8) -> Bool {
        byte.isLetter && byte != UInt8(ascii: "_") || byte.isDigit || "+-.".utf8.contains(byte)
    }

    /// Whether each percent sign stands before two hexadecimal digits.
    private static func escapesAreWhole(_ bytes: [UInt8]) -> Bool {
        bytes.indices.allSatisfy { index in
            bytes[index] != UInt8(ascii: "%")
                || index + 2 < bytes.count && bytes[index + 1].hexDigit != nil && bytes[index + 2].hexDigit != nil
        }
    }

    private static func host(_ bytes: ArraySlice<UInt8>) -> String? {
        var rest = bytes
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            rest = rest[(end + 1)...]
        } else {
            rest = rest.drop { $0 != UInt8(ascii: ":") }
        }
        if !rest.isEmpty {
            guard rest.first == UInt8(ascii: ":"), rest.dropFirst().allSatisfy(\.isDigit) else { return nil }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The host without port and brackets.
    var hostname: String {
        if host.hasPrefix("[") { return String(host.dropFirst().prefix { $0 != "]" }) }
        return String(host.prefix { $0 != ":" })
    }

    /// The digits after the host, or nothing.
    var port: String {
        let rest = host.hasPrefix("[") ? host.drop { $0 != "]" }.dropFirst() : host.drop { $0 != ":" }
        return String(rest.dropFirst())
    }

    /// What stands at other places than the ones for it is percent-encoded.
    var escapedPath: String {
        path.utf8.reduce(into: "") { result, byte in
            let isPlain = byte.isLetter || byte.isDigit || "-.~!$&'()*+,;=:@/%[]".utf8.contains(byte)
            if isPlain {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
    }

    /// The query's names in order, each with all its values.
    var parameters: [(name: String, values: [String])] {
        var parameters: [(name: String, values: [String])] = []
        for part in query.utf8.split(separator: UInt8(ascii: "&")) where !part.contains(UInt8(ascii: ";")) {
            let name = part.prefix { $0 != UInt8(ascii: "=") }
            let value = Self.decoded(part.dropFirst(name.count + 1))
            let decodedName = Self.decoded(name)
            if let index = parameters.firstIndex(where: { $0.name == decodedName }) {
                parameters[index].values.append(value)
            } else {
                parameters.append((decodedName, [value]))
            }
        }
        return parameters
    }

    private static func decoded(_ text: some Sequence<UInt8>) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let high = rest.first?.hexDigit, let low = rest.dropFirst().first?.hexDigit {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
