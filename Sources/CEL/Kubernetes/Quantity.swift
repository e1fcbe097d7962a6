/// An amount of a resource as Kubernetes writes it: `100m`, `1.5Gi`, `2e3`.
///
/// Exact to a billionth, finer amounts are rounded away from zero; up to 2^63 - 1, larger ones become that, as in
/// k8s.io/apimachinery, `pkg/api/resource/quantity.go`.
public struct Quantity: Sendable, Hashable, Comparable {
    private enum Form: Sendable {
        case decimal
        case binary
        case exponent
    }
    /// In billionths.
    private let billionths: Int128
    private let form: Form

    private static let unit: Int128 = 1_000_000_000
    private static let limit = Int128(Int64.max) * unit

    private init(_ billionths: Int128, _ form: Form) {
        self.billionths = billionths
        self.form = form
    }

    init(_ number: Int64) { self.init(Int128(number) * Self.unit, .decimal) }

    /// Reads a sign, a decimal number and a suffix: `n u m k M G T P E`, `Ki` to `Ei`, or an exponent. Nil for anything
    /// else.
    public init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        let whole = rest.prefix { $0.isDigit }
        rest = rest.dropFirst(whole.count)
        var fraction: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = rest.prefix { $0.isDigit }
            rest = rest.dropFirst(fraction.count)
        }
        guard whole.count + fraction.count > 0,
            let suffix = Self.suffix(String(decoding: rest, as: UTF8.self))
        else { return nil }
        let magnitude = Self.billionths(of: whole, fraction, suffix)
        self.init(isNegative ? -magnitude : magnitude, suffix.form)
    }

    private typealias Suffix = (form: Form, tens: Int, twos: Int)

    private static func suffix(_ text: String) -> Suffix? {
        if let index = decimalSuffixes.firstIndex(of: text) { return (.decimal, index * 3 - 9, 0) }
        if let index = binarySuffixes.firstIndex(of: text) { return (.binary, 0, (index + 1) * 10) }
        guard let mark = text.utf8.first, mark | 0x20 == UInt8(ascii: "e"), text.utf8.count < 8,
            let exponent = Int(text.dropFirst())
        else { return nil }
        return (.exponent, exponent, 0)
    }

    private static let decimalSuffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"]
    private static let binarySuffixes = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]

    /// The number in billionths, rounded up, at most the limit.
    private static func billionths(
        of whole: ArraySlice<UInt8>,
        _ fraction: ArraySlice<UInt8>,
        _ suffix: Suffix
    ) -> Int128 {
        let digits = (whole + fraction).drop { $0 == 0x30 }
        guard !digits.isEmpty else { return 0 }
        // The number is 0.d1d2d3… * 10^point billionths, times a power of two.
        let point = digits.count - fraction.count + suffix.tens + 9
        guard point <= 29 else { return limit }
        // Digits that stand behind the point are kept while there is room, for the sake of the power of two.
        var value: Int128 = 0
        var scale = 0
        var isExact = true
        for digit in digits {
            if value < 1_000_000_000_000_000_000 {
                value = value * 10 + Int128(digit - 0x30)
                scale += 1
            } else if digit != 0x30 {
                isExact = false
            }
        }
        // At most 19 digits and 60 bits: below 2^127.
        value <<= Int128(suffix.twos)
        for _ in 0..<max(0, point - scale) {
            value *= 10
            if value > limit { return limit }
        }
        for _ in 0..<min(max(0, scale - point), 60) {
            if value % 10 != 0 { isExact = false }
            value /= 10
        }
        return min(isExact ? value : value + 1, limit)
    }

    /// By amount, however it is written.
    public static func == (left: Quantity, right: Quantity) -> Bool { left.billionths == right.billionths }

    /// By amount.
    public func hash(into hasher: inout Hasher) { hasher.combine(billionths) }

    /// By amount.
    public static func < (left: Quantity, right: Quantity) -> Bool { left.billionths < right.billionths }

    /// -1, 0 or 1.
    var sign: Int64 { Int64(billionths.signum()) }

    /// The amount when it is whole and fits.
    var integer: Int64? {
        let (whole, rest) = billionths.quotientAndRemainder(dividingBy: Self.unit)
        return rest == 0 ? Int64(exactly: whole) : nil
    }

    /// The amount, rounded.
    var approximation: Double { Double(billionths) / Double(Self.unit) }

    /// The sum, within the limits.
    func adding(_ other: Quantity) -> Quantity { limited(billionths + other.billionths) }

    /// The difference, within the limits.
    func subtracting(_ other: Quantity) -> Quantity { limited(billionths - other.billionths) }

    private func limited(_ sum: Int128) -> Quantity { Quantity(max(-Self.limit, min(Self.limit, sum)), form) }
}

extension Quantity: CustomStringConvertible {
    /// The canonical form: no fraction, the largest suffix that allows that.
    public var description: String {
        let (whole, rest) = billionths.quotientAndRemainder(dividingBy: Self.unit)
        if form == .binary, rest == 0, whole.magnitude >= 1024 {
            var mantissa = whole
            var index = -1
            while index < Self.binarySuffixes.count - 1, mantissa % 1024 == 0 {
                mantissa /= 1024
                index += 1
            }
            return "\(mantissa)" + (index < 0 ? "" : Self.binarySuffixes[index])
        }
        guard billionths != 0 else { return "0" }
        var mantissa = billionths
        var index = 0
        while index < Self.decimalSuffixes.count - 1, mantissa % 1000 == 0 {
            mantissa /= 1000
            index += 1
        }
        let exponent = index * 3 - 9
        let suffix = form == .exponent ? (exponent == 0 ? "" : "e\(exponent)") : Self.decimalSuffixes[index]
        return "\(mantissa)\(suffix)"
    }
}
