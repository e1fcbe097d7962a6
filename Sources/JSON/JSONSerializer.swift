extension JSONValue {
    /// The JSON text as UTF-8, members sorted by key, so that equal values have equal bytes.
    /// - Parameter pretty: one member or element a line, indented by two blanks.
    public func serialized(pretty: Bool = false) -> [UInt8] {
        var serializer = JSONSerializer(pretty: pretty)
        serializer.write(self)
        return serializer.output
    }
}

struct JSONSerializer {
    private(set) var output: [UInt8] = []
    private let pretty: Bool
    private var indentation = 0

    init(pretty: Bool) {
        self.pretty = pretty
        output.reserveCapacity(256)
    }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .int(let value): output.append(contentsOf: String(value).utf8)
        case .double(let value): output.append(contentsOf: (value.isFinite ? value.description : "null").utf8)
        case .string(let value): write(value)
        case .array(let elements):
            writeList(elements, open: UInt8(ascii: "["), close: UInt8(ascii: "]")) { $0.write($1) }
        case .object(let members):
            let sorted = members.sorted { $0.key < $1.key }
            writeList(sorted, open: UInt8(ascii: "{"), close: UInt8(ascii: "}")) { serializer, member in
                serializer.write(member.key)
                serializer.output.append(UInt8(ascii: ":"))
                if serializer.pretty { serializer.output.append(UInt8(ascii: " ")) }
                serializer.write(member.value)
            }
        }
    }

    private mutating func writeList<Element>(
        _ elements: [Element],
        open: UInt8,
        close: UInt8,
        _ writeElement: (inout JSONSerializer, Element) -> Void
    ) {
        output.append(open)
        indentation += 2
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            breakLine()
            writeElement(&self, element)
        }
        indentation -= 2
        if !elements.isEmpty { breakLine() }
        output.append(close)
    }

    private mutating func breakLine() {
        guard pretty else { return }
        output.append(UInt8(ascii: "\n"))
        output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indentation))
    }

    mutating func write(_ text: String) {
        output.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { bytes in
            // What stands for itself is copied in runs: most texts are one.
            var run = 0
            for (offset, byte) in bytes.enumerated()
            where byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[run..<offset]))
                writeEscape(of: byte)
                run = offset + 1
            }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[run...]))
        }
        output.append(UInt8(ascii: "\""))
    }

    private mutating func writeEscape(of byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): output.append(contentsOf: "\\\"".utf8)
        case UInt8(ascii: "\\"): output.append(contentsOf: "\\\\".utf8)
        case 0x0A: output.append(contentsOf: "\\n".utf8)
        case 0x0D: output.append(contentsOf: "\\r".utf8)
        case 0x09: output.append(contentsOf: "\\t".utf8)
        default:
            output.append(contentsOf: (byte < 0x10 ? "\\u000" : "\\u00").utf8)
            output.append(contentsOf: String(byte, radix: 16).utf8)
        }
    }
}
