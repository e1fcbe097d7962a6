internal import JSON

extension Duration {
    /// Seconds, with as many digits after the point as needed: "90s", "-1.5s".
    var text: String {
        let (seconds, attoseconds) = components
        let sign = self < .zero ? "-" : ""
        let fraction = Timestamp.fraction(Int64(attoseconds.magnitude / 1_000_000_000))
        return "\(sign)\(seconds.magnitude)\(fraction)s"
    }

    /// Reads the form of Go's `time.ParseDuration`: numbers with the units `h`, `m`, `s`, `ms`, `us` and `ns`, a sign
    /// before all of them, "0" alone. What is finer than a nanosecond is cut off. Nil for anything else.
    init?(goText text: String) {
        var rest = Array(text.utf8)[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        if rest.elementsEqual("0".utf8) {
            self = .zero
            return
        }
        guard !rest.isEmpty else { return nil }
        // In nanoseconds; wide enough that the sum is checked once, at the end.
        var total: Int128 = 0
        while !rest.isEmpty {
            guard let part = Self.part(&rest) else { return nil }
            total += part
            guard total < 1 << 100 else { return nil }
        }
        let (seconds, nanoseconds) = total.quotientAndRemainder(dividingBy: 1_000_000_000)
        guard let seconds = Int64(exactly: seconds) else { return nil }
        let length = Duration(
            secondsComponent: seconds,
            attosecondsComponent: Int64(nanoseconds) * 1_000_000_000
        )
        self = isNegative ? .zero - length : length
    }

    private static func part(_ rest: inout ArraySlice<UInt8>) -> Int128? {
        let whole = rest.prefix { $0.isDigit }
        rest = rest.dropFirst(whole.count)
        var fraction: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = rest.prefix { $0.isDigit }
            rest = rest.dropFirst(fraction.count)
        }
        guard whole.count + fraction.count > 0, whole.count <= 20 else { return nil }
        let unit = rest.prefix { !$0.isDigit && $0 != UInt8(ascii: ".") }
        rest = rest.dropFirst(unit.count)
        let scale: Int128
        switch String(decoding: unit, as: UTF8.self) {
        case "h": scale = 3_600_000_000_000
        case "m": scale = 60_000_000_000
        case "s": scale = 1_000_000_000
        case "ms": scale = 1_000_000
        // Go takes the micro sign and the Greek letter as well.
        case "us", "\u{B5}s", "\u{3BC}s": scale = 1000
        case "ns": scale = 1
        default: return nil
        }
        // Fifteen digits after the point are more than any unit has nanoseconds.
        let digits = fraction.prefix(15)
        let divisor = digits.reduce(1 as Int128) { power, _ in power * 10 }
        let number = (whole + digits).reduce(0 as Int128) { $0 * 10 + Int128($1 - 0x30) }
        return number * scale / divisor
    }
}
