internal import JSON

extension Timestamp {
    /// The years that expressions can speak of: 1 to 9999.
    static let expressible = -62_135_596_800...253_402_300_799 as ClosedRange<Int64>

    /// RFC 3339 in UTC, with as many digits after the second as it needs, up to nine.
    var text: String {
        let date = CivilDate(seconds: seconds)
        let day = "\(Self.padded(date.year, 4))-\(Self.padded(date.month, 2))-\(Self.padded(date.day, 2))"
        let time = "\(Self.padded(date.hour, 2)):\(Self.padded(date.minute, 2)):\(Self.padded(date.second, 2))"
        return "\(day)T\(time)\(Self.fraction(Int64(nanoseconds)))Z"
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// ".5" for half a second; nothing for none.
    static func fraction(_ nanoseconds: Int64) -> String {
        guard nanoseconds > 0 else { return "" }
        var digits = padded(nanoseconds, 9)[...]
        while digits.last == "0" { digits = digits.dropLast() }
        return "." + digits
    }

    /// Reads RFC 3339: a date that exists, `T`, a time, and `Z` or an offset. Nil for anything else.
    init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        func number(_ start: Int, _ count: Int) -> Int64? {
            guard start + count <= bytes.count else { return nil }
            return bytes[start..<start + count].reduce(0 as Int64?) { value, digit in
                digit.isDigit ? value.map { $0 * 10 + Int64(digit - 0x30) } : nil
            }
        }
        func stands(_ characters: String, at index: Int) -> Bool {
            index < bytes.count && characters.utf8.contains(bytes[index])
        }
        guard let year = number(0, 4), stands("-", at: 4), let month = number(5, 2), stands("-", at: 7),
            let day = number(8, 2), stands("Tt", at: 10), let hour = number(11, 2), stands(":", at: 13),
            let minute = number(14, 2), stands(":", at: 16), let second = number(17, 2),
            (1...12).contains(month), day >= 1, day <= CivilDate.days(inMonth: month, of: year),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var index = 19
        var nanoseconds: Int32 = 0
        if stands(".", at: index) {
            index += 1
            let start = index
            var scale: Int32 = 100_000_000
            while index < bytes.count, bytes[index].isDigit {
                nanoseconds += Int32(bytes[index] - 0x30) * scale
                scale /= 10
                index += 1
            }
            guard index > start else { return nil }
        }
        var offset: Int64 = 0
        if stands("Zz", at: index) {
            index += 1
        } else {
            guard stands("+-", at: index), let hours = number(index + 1, 2), stands(":", at: index + 3),
                let minutes = number(index + 4, 2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 3600 + minutes * 60) * (bytes[index] == UInt8(ascii: "-") ? -1 : 1)
            index += 6
        }
        guard index == bytes.count else { return nil }
        let days = CivilDate.days(year: year, month: month, day: day)
        self.init(seconds: days * 86400 + hour * 3600 + minute * 60 + second - offset, nanoseconds: nanoseconds)
    }
}

extension Value {
    /// The point in time, if expressions can speak of it.
    static func time(_ time: Timestamp) throws(CELError) -> Value {
        guard Timestamp.expressible.contains(time.seconds) else {
            throw CELError("timestamp overflow: only the years 1 to 9999 can be expressed")
        }
        return .timestamp(time)
    }

    static func time(_ time: Timestamp, plus duration: Duration) throws(CELError) -> Value {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = Int64(time.nanoseconds) + attoseconds / 1_000_000_000
        let carry = nanoseconds < 0 ? -1 : nanoseconds / 1_000_000_000
        let moved = Timestamp(
            seconds: time.seconds + seconds + carry,
            nanoseconds: Int32(nanoseconds - carry * 1_000_000_000)
        )
        return try .time(moved)
    }

    /// The length of time, if its nanoseconds fit 64 bits, as in cel-go: about 292 years. The specification's tests
    /// expect that the difference of the first and the last timestamp is an error.
    static func length(_ duration: Duration) throws(CELError) -> Value {
        let limit = Duration.nanoseconds(Int64.max)
        guard duration <= limit, duration >= .zero - limit else {
            throw CELError("duration overflow: more than about 292 years cannot be expressed")
        }
        return .duration(duration)
    }
}
