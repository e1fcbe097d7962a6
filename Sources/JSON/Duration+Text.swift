extension Duration {
    /// Reads the form Kubernetes users write (Go's `time.ParseDuration`): `90s`, `1h30m`, `1.5h`, `250ms`. Nil for
    /// anything else, a negative one included.
    public init?(text: String) {
        var total: Duration = .zero
        var rest = text[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest.removeFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest.removeFirst(unit.count)
            guard digits.first != ".", digits.last != ".", let number = Double(digits), number.isFinite, number < 1e12
            else { return nil }
            switch unit {
            case "h": total += .seconds(number * 3600)
            case "m": total += .seconds(number * 60)
            case "s": total += .seconds(number)
            case "ms": total += .milliseconds(number)
            default: return nil
            }
            // The first that can be written with one number is the last: a long row of them would overflow.
            guard total < .seconds(3600 * 1e12) else { return nil }
        }
        self = total
    }

    /// In milliseconds, rounded down.
    public var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }

    /// In seconds with a fraction, for display and arithmetic on ratios.
    public var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
