extension Value {
    /// A short form for error messages.
    var summary: String {
        switch self {
        case .string(let text): text.utf8.count > 80 ? String(text.prefix(60)).quoted + "…" : text.quoted
        case .null: "null"
        case .bool(let value): String(value)
        case .int(let value): String(value)
        case .uint(let value): "\(value)u"
        case .double(let value): value.shortest
        default: "a value of type \(type.name)"
        }
    }
}

extension String {
    /// As a literal of the language.
    var quoted: String {
        var text = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\u{07}": text += "\\a"
            case "\u{08}": text += "\\b"
            case "\u{0C}": text += "\\f"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0B}": text += "\\v"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}

extension Double {
    /// The shortest decimal text that reads back as this number; with an exponent below 1e-4 and from 1e21 on.
    ///
    /// The specification leaves the form open; without an exponent in everyday numbers it suits texts best.
    var shortest: String { shortest(exponentFrom: 21) }

    func shortest(exponentFrom limit: Int) -> String {
        if isNaN { return "NaN" }
        if isInfinite { return self < 0 ? "-Infinity" : "Infinity" }
        if self == 0 { return sign == .minus ? "-0" : "0" }
        let (digits, point) = decimal
        let exponent = point - 1
        let sign = self < 0 ? "-" : ""
        if exponent < -4 || exponent >= limit {
            let mantissa = digits.prefix(1) + (digits.count > 1 ? "." + digits.dropFirst() : "")
            let magnitude = String(exponent.magnitude)
            return sign + mantissa + (exponent < 0 ? "e-" : "e+") + (magnitude.count < 2 ? "0" : "") + magnitude
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if point >= digits.count { return sign + digits + String(repeating: "0", count: point - digits.count) }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }

    /// The shortest digits that identify this number's magnitude, and how many of them stand before the point.
    private var decimal: (digits: String, point: Int) {
        // Swift prints the shortest digits, in one of the forms 12.5, 1e-07, 1.25e+20.
        let parts = magnitude.description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        var digits = mantissa[0] + (mantissa.count > 1 ? mantissa[1] : "")
        var point = mantissa[0].count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        while digits.first == "0" {
            digits = digits.dropFirst()
            point -= 1
        }
        while digits.last == "0" { digits = digits.dropLast() }
        return (String(digits), point)
    }
}
