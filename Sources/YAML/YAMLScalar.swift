internal import JSON

/// What a plain (unquoted) scalar means.
///
/// The words and numbers are those of YAML 1.1 as `kubectl` reads them (gopkg.in/yaml.v2, `resolve.go`), so that a
/// file means the same to `kubectl apply` and to `honua run`. Times stay strings, as in JSON.
enum YAMLScalar {
    static func resolve(_ text: String) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": return .bool(true)
        case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": return .bool(false)
        default: break
        }
        guard let first = text.utf8.first, "+-.0123456789".utf8.contains(first) else { return .string(text) }
        return number(text) ?? .string(text)
    }

    private static func number(_ text: String) -> JSONValue? {
        let digits = text.filter { $0 != "_" }
        let negative = digits.hasPrefix("-")
        let magnitude = negative || digits.hasPrefix("+") ? String(digits.dropFirst()) : digits
        for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] where magnitude.hasPrefix(prefix) {
            return Int64((negative ? "-" : "") + magnitude.dropFirst(2), radix: radix).map { .int($0) }
        }
        if magnitude.count > 1, magnitude.hasPrefix("0"), magnitude.allSatisfy({ ("0"..."7").contains($0) }) {
            return Int64((negative ? "-" : "") + magnitude, radix: 8).map { .int($0) }
        }
        if let value = Int64((negative ? "-" : "") + magnitude) { return .int(value) }
        guard magnitude.allSatisfy({ $0.isASCII && ($0.isNumber || "eE+-.".contains($0)) }),
            magnitude.contains(where: \.isNumber), let value = Double(digits), value.isFinite
        else { return nil }
        return .double(value)
    }
}
