extension JSONReader {
    enum Number {
        case int(Int64)
        case double(Double)
    }

    /// Reads a number from its first byte, which is a minus or a digit.
    mutating func readNumber() throws(JSONDecodingError) -> Number {
        let start = position
        let negative = consume(UInt8(ascii: "-"))
        var magnitude: Int64 = 0
        var fitsInteger = true
        let digitsStart = position
        while position < bytes.count, let digit = digit(at: position) {
            // Accumulated as a negative number, whose range holds one value more.
            let (product, overflow1) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.subtractingReportingOverflow(Int64(digit))
            if overflow1 || overflow2 { fitsInteger = false } else { magnitude = sum }
            position += 1
        }
        guard position > digitsStart else { throw fail("expected a digit") }
        if bytes[digitsStart] == UInt8(ascii: "0"), position - digitsStart > 1 {
            position = digitsStart
            throw fail("a number must not start with 0")
        }
        var isInteger = true
        if consume(UInt8(ascii: ".")) {
            isInteger = false
            try skipDigits()
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            try skipDigits()
        }
        if isInteger, fitsInteger, negative || magnitude != .min {
            return .int(negative ? magnitude : -magnitude)
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let value = Double(text), value.isFinite else { throw fail("the number \(text) is out of range") }
        return .double(value)
    }

    @inline(__always)
    private func digit(at offset: Int) -> UInt8? {
        let value = bytes[offset] &- UInt8(ascii: "0")
        return value <= 9 ? value : nil
    }

    private mutating func skipDigits() throws(JSONDecodingError) {
        let start = position
        while position < bytes.count, digit(at: position) != nil { position += 1 }
        guard position > start else { throw fail("expected a digit") }
    }
}
