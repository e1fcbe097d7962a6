#if canImport(Glibc)
internal import Glibc
#endif

/// A point in time for people and documents: UTC, whole seconds unless read otherwise, written as RFC 3339 with `Z`.
///
/// Wall time is for display. Budgets and delays are measured on a monotonic clock, never by subtracting timestamps.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Since 1970-01-01T00:00:00Z, leap seconds not counted.
    public var seconds: Int64
    /// 0 ..< 1,000,000,000
    public var nanoseconds: Int32

    /// A point in time from its parts.
    public init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// The system's wall clock.
    public static var now: Timestamp {
        // A timespec is two words, read as such: under MemberImportVisibility the release build of Swift 6.3 looks for
        // the fields of timespec in a module that cannot be imported.
        var words: (seconds: Int, nanoseconds: Int) = (0, 0)
        withUnsafeMutablePointer(to: &words) { pointer in
            pointer.withMemoryRebound(to: timespec.self, capacity: 1) { _ = clock_gettime(CLOCK_REALTIME, $0) }
        }
        return Timestamp(seconds: Int64(words.seconds), nanoseconds: Int32(words.nanoseconds))
    }

    /// The same second without its fraction, as Kubernetes stores times.
    public var wholeSeconds: Timestamp { Timestamp(seconds: seconds) }

    /// Earlier points in time are smaller.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// This time moved by a duration.
    public func advanced(by duration: Duration) -> Timestamp {
        let (whole, attoseconds) = duration.components
        var result = Timestamp(seconds: seconds + whole, nanoseconds: nanoseconds)
        let nanos = Int64(nanoseconds) + attoseconds / 1_000_000_000
        let carry = nanos < 0 ? -1 : nanos / 1_000_000_000
        result.seconds += carry
        result.nanoseconds = Int32(nanos - carry * 1_000_000_000)
        return result
    }

    /// How long it took from `start` to here, by the wall clock.
    public func duration(since start: Timestamp) -> Duration {
        .seconds(seconds - start.seconds) + .nanoseconds(Int64(nanoseconds - start.nanoseconds))
    }
}

extension Timestamp: CustomStringConvertible, SchemaRepresentable {
    /// A string of format `date-time`.
    public static var schema: JSONSchema { JSONSchema(.string, format: "date-time") }

    /// RFC 3339; a fraction is written only when there is one, in microseconds.
    public var description: String {
        let days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let secondOfDay = seconds - days * 86400
        let (year, month, day) = Self.civil(fromDays: days)
        var text: [UInt8] = []
        text.reserveCapacity(27)
        func write(_ number: Int64, _ width: Int, then separator: Unicode.Scalar) {
            let digits = String(number).utf8
            for _ in 0..<max(0, width - digits.count) { text.append(UInt8(ascii: "0")) }
            text.append(contentsOf: digits)
            text.append(UInt8(ascii: separator))
        }
        write(year, 4, then: "-")
        write(month, 2, then: "-")
        write(day, 2, then: "T")
        write(secondOfDay / 3600, 2, then: ":")
        write(secondOfDay / 60 % 60, 2, then: ":")
        write(secondOfDay % 60, 2, then: nanoseconds > 0 ? "." : "Z")
        if nanoseconds > 0 { write(Int64(nanoseconds) / 1000, 6, then: "Z") }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads RFC 3339 with `Z` or a numeric offset; nil when the text is anything else.
    public init?(_ text: String) {
        var text = text
        guard let value = text.withUTF8({ Timestamp(utf8: $0) }) else { return nil }
        self = value
    }

    private init?(utf8 bytes: UnsafeBufferPointer<UInt8>) {
        var reader = DigitReader(rest: bytes[...])
        guard let year = reader.number(4), reader.consume("-"), let month = reader.number(2), reader.consume("-"),
            let day = reader.number(2), reader.consume("T") || reader.consume("t") || reader.consume(" "),
            let hour = reader.number(2), reader.consume(":"), let minute = reader.number(2), reader.consume(":"),
            let second = reader.number(2),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        guard let nanoseconds = reader.fraction(), let offset = reader.offset(), reader.isAtEnd else { return nil }
        let days = Self.days(year: year, month: month, day: day)
        self.init(seconds: days * 86400 + hour * 3600 + minute * 60 + second - offset, nanoseconds: nanoseconds)
    }

    /// Reads an RFC 3339 string.
    public init(json: JSONValue) throws(JSONDecodingError) {
        self = try Self.time(String(json: json))
    }

    /// Reads an RFC 3339 string.
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) {
        guard case .string = try reader.peek() else { throw reader.mismatch("string") }
        let token = try reader.scanString()
        if let value = Timestamp(utf8: reader.content(token)) {
            self = value
        } else {
            self = try Self.time(reader.string(token))
        }
    }

    private static func time(_ text: String) throws(JSONDecodingError) -> Timestamp {
        guard let value = Timestamp(text) else {
            throw JSONDecodingError("\"\(text)\" is not a time such as 2026-11-21T06:15:00Z")
        }
        return value
    }

    /// An RFC 3339 string.
    public func json() -> JSONValue { .string(description) }

    // Day counts in the proleptic Gregorian calendar. Years are counted from March, so that the leap day comes last:
    // 400 years have 146,097 days, and the days before month m (March = 0) are (153 m + 2) / 5.

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

private struct DigitReader {
    var rest: Slice<UnsafeBufferPointer<UInt8>>

    var isAtEnd: Bool { rest.isEmpty }

    mutating func consume(_ character: Unicode.Scalar) -> Bool {
        guard let first = rest.first, first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    mutating func number(_ width: Int) -> Int64? {
        guard rest.count >= width else { return nil }
        var value: Int64 = 0
        for _ in 0..<width {
            let digit = rest.removeFirst() &- 0x30
            guard digit <= 9 else { return nil }
            value = value * 10 + Int64(digit)
        }
        return value
    }

    /// Nanoseconds; 0 without a fraction, nil when a point is not followed by digits.
    mutating func fraction() -> Int32? {
        guard consume(".") else { return 0 }
        var value: Int32 = 0
        var count = 0
        while let digit = rest.first, (0x30...0x39).contains(digit) {
            if count < 9 { value = value * 10 + Int32(digit - 0x30) }
            count += 1
            rest.removeFirst()
        }
        guard count > 0 else { return nil }
        for _ in 0..<max(0, 9 - count) { value *= 10 }
        return value
    }

    /// Seconds east of UTC.
    mutating func offset() -> Int64? {
        if consume("Z") || consume("z") { return 0 }
        let sign: Int64 = rest.first == UInt8(ascii: "-") ? -1 : 1
        guard consume("+") || consume("-"), let hours = number(2), consume(":"), let minutes = number(2) else {
            return nil
        }
        return sign * (hours * 3600 + minutes * 60)
    }
}
