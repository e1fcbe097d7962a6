internal import Glibc

/// `format.format(values)`: `%s`, `%d`, `%f`, `%e`, `%b`, `%o`, `%x`, `%X` and `%%`, with a precision for `%f` and `%e`.
enum TextFormat {
    /// More digits than any double has.
    private static let maximumPrecision = 1100

    static func format(
        _ format: String,
        _ values: Value.List,
        _ budget: inout Budget
    ) throws(CELError) -> String {
        try budget.charge(bytes: format.utf8.count)
        var result: [UInt8] = []
        var rest = Array(format.utf8)[...]
        var next = 0
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            if rest.first == UInt8(ascii: "%") {
                result.append(rest.removeFirst())
                continue
            }
            let precision = try precision(&rest)
            guard let verb = rest.popFirst() else { throw CELError("format() ends in the middle of a clause") }
            guard next < values.count else { throw CELError("format() has no argument \(next)") }
            let text = try clause(verb, precision, values[next], &budget)
            next += 1
            try budget.charge(1 + text.utf8.count >> 4)
            result += text.utf8
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func precision(_ rest: inout ArraySlice<UInt8>) throws(CELError) -> Int? {
        guard rest.first == UInt8(ascii: ".") else { return nil }
        rest.removeFirst()
        let digits = rest.prefix { $0.isDigit }
        rest = rest.dropFirst(digits.count)
        guard let precision = Int(Substring(decoding: digits, as: UTF8.self)), precision <= maximumPrecision else {
            throw CELError("format() takes a precision up to \(maximumPrecision)")
        }
        return precision
    }

    private static func clause(
        _ verb: UInt8,
        _ precision: Int?,
        _ value: Value,
        _ budget: inout Budget
    ) throws(CELError) -> String {
        switch verb {
        case UInt8(ascii: "s"):
            var writer = TextWriter()
            try writer.write(value, &budget)
            return writer.text
        case UInt8(ascii: "d"): return try decimal(value)
        case UInt8(ascii: "f"): return try number(value, "f", precision)
        case UInt8(ascii: "e"): return try number(value, "e", precision)
        case UInt8(ascii: "b"):
            if case .bool(let bit) = value { return bit ? "1" : "0" }
            return try integer(value, radix: 2, "b")
        case UInt8(ascii: "o"): return try integer(value, radix: 8, "o")
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            return try hexadecimal(value, uppercase: verb == UInt8(ascii: "X"), &budget)
        default:
            throw CELError("format() knows no clause \(String(Unicode.Scalar(verb)).quoted)")
        }
    }

    private static func decimal(_ value: Value) throws(CELError) -> String {
        if case .double(let number) = value { return number.shortest(exponentFrom: 400) }
        return try integer(value, radix: 10, "d")
    }

    private static func integer(_ value: Value, radix: Int, _ verb: String) throws(CELError) -> String {
        switch value {
        case .int(let number): return String(number, radix: radix)
        case .uint(let number): return String(number, radix: radix)
        default: throw mismatch(verb, value)
        }
    }

    private static func hexadecimal(
        _ value: Value,
        uppercase: Bool,
        _ budget: inout Budget
    ) throws(CELError) -> String {
        let bytes: [UInt8]
        switch value {
        case .int(let number): return String(number, radix: 16, uppercase: uppercase)
        case .uint(let number): return String(number, radix: 16, uppercase: uppercase)
        case .string(let text): bytes = Array(text.utf8)
        case .bytes(let value): bytes = value
        default: throw mismatch("x", value)
        }
        try budget.charge(bytes: bytes.count * 8)
        return bytes.reduce(into: "") { text, byte in
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: uppercase)
        }
    }

    private static func number(_ value: Value, _ verb: String, _ precision: Int?) throws(CELError) -> String {
        let number: Double
        switch value {
        case .double(let value): number = value
        case .int(let value): number = Double(value)
        case .uint(let value): number = Double(value)
        default: throw mismatch(verb, value)
        }
        guard number.isFinite else { return number.shortest }
        // 309 digits before the point, and the point, a sign, an exponent.
        var buffer = [CChar](repeating: 0, count: maximumPrecision + 320)
        let count = withVaList([Int32(precision ?? 6), number]) { arguments in
            vsnprintf(&buffer, buffer.count, "%.*\(verb)", arguments)
        }
        return String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func mismatch(_ verb: String, _ value: Value) -> CELError {
        CELError("format() cannot write a value of type \(value.type.name) as %\(verb)")
    }
}

/// Writes any value as `%s` does.
private struct TextWriter {
    private(set) var text = ""

    mutating func write(_ value: Value, _ budget: inout Budget, depth: Int = 0) throws(CELError) {
        guard depth < Value.maximumDepth else { throw Value.tooDeep }
        try budget.charge(1)
        switch value {
        case .null: text += "null"
        case .list(let list):
            text += "["
            for (index, element) in list.enumerated() {
                if index > 0 { text += ", " }
                try write(element, &budget, depth: depth + 1)
            }
            text += "]"
        case .map(let map):
            try write(map, &budget, depth: depth)
        default:
            guard case .string(let content) = try Conversions.string(value, &budget) else { return }
            try budget.charge(bytes: content.utf8.count)
            text += content
        }
    }

    /// Entries in the order of their keys' texts.
    private mutating func write(_ map: Value.Map, _ budget: inout Budget, depth: Int) throws(CELError) {
        let keys = map.keys.compactMap { MapKey($0) }.sorted { $0.text.precedes($1.text) }
        text += "{"
        for (index, key) in keys.enumerated() {
            if index > 0 { text += ", " }
            text += key.text + ": "
            if let value = map[key.value] { try write(value, &budget, depth: depth + 1) }
        }
        text += "}"
    }
}
