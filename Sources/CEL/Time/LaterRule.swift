/// What holds after the last transition of a time zone file: its closing line, in the form of POSIX `TZ`
/// (`CET-1CEST,M3.5.0,M10.5.0/3`).
struct LaterRule: Sendable {
    private struct Change: Sendable {
        enum Day: Sendable {
            /// The given weekday of a week of a month; week 5 is the last.
            case monthly(month: Int64, week: Int64, weekday: Int64)
            /// Day 1 to 365, 29 February never counted.
            case withoutLeapDay(Int64)
            /// Day 0 to 365.
            case ofYear(Int64)
        }
        let day: Day
        /// Seconds after midnight.
        let time: Int64

        /// In local time, as seconds since 1970.
        func seconds(in year: Int64) -> Int64 {
            let firstOfYear = CivilDate.days(year: year, month: 1, day: 1)
            let days: Int64
            switch day {
            case .monthly(let month, let week, let weekday):
                let first = CivilDate.days(year: year, month: month, day: 1)
                let firstWeekday = ((first % 7) + 11) % 7
                var date = (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
                while date >= CivilDate.days(inMonth: month, of: year) { date -= 7 }
                days = first + date
            case .withoutLeapDay(let number):
                days = firstOfYear + number - 1 + (CivilDate.isLeap(year) && number >= 60 ? 1 : 0)
            case .ofYear(let number): days = firstOfYear + number
            }
            return days * 86400 + time
        }
    }

    private let standard: Int64
    private let summer: (offset: Int64, start: Change, end: Change)?

    init?(_ text: String) {
        var reader = RuleReader(rest: Array(text.utf8)[...])
        guard reader.name(), let standard = reader.time() else { return nil }
        self.standard = -standard
        guard reader.name() else {
            summer = nil
            return
        }
        let offset = reader.time().map { -$0 } ?? self.standard + 3600
        guard reader.consume(","), let start = Self.change(&reader), reader.consume(","),
            let end = Self.change(&reader)
        else { return nil }
        summer = (offset, start, end)
    }

    private static func change(_ reader: inout RuleReader) -> Change? {
        let day: Change.Day
        if reader.consume("M") {
            guard let month = reader.number(), (1...12).contains(month), reader.consume("."),
                let week = reader.number(), (1...5).contains(week), reader.consume("."), let weekday = reader.number(),
                weekday < 7
            else { return nil }
            day = .monthly(month: month, week: week, weekday: weekday)
        } else if reader.consume("J") {
            guard let number = reader.number() else { return nil }
            day = .withoutLeapDay(number)
        } else {
            guard let number = reader.number() else { return nil }
            day = .ofYear(number)
        }
        guard reader.consume("/") else { return Change(day: day, time: 7200) }
        return reader.time().map { Change(day: day, time: $0) }
    }

    /// Seconds east of UTC.
    func offset(at seconds: Int64) -> Int64 {
        guard let summer else { return standard }
        let year = CivilDate(seconds: seconds + standard).year
        let start = summer.start.seconds(in: year) - standard
        let end = summer.end.seconds(in: year) - summer.offset
        // In the south the summer spans the turn of the year.
        let isSummer = start < end ? start <= seconds && seconds < end : !(end <= seconds && seconds < start)
        return isSummer ? summer.offset : standard
    }
}

private struct RuleReader {
    var rest: ArraySlice<UInt8>

    mutating func consume(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    /// `CET` or `<+0330>`; false when there is none.
    mutating func name() -> Bool {
        if consume("<") {
            rest = rest.drop { $0 != UInt8(ascii: ">") }
            return consume(">")
        }
        let name = rest.prefix { $0.isLetter }
        rest = rest.dropFirst(name.count)
        return !name.isEmpty
    }

    mutating func number() -> Int64? {
        let digits = rest.prefix { $0.isDigit }
        guard (1...4).contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time() -> Int64? {
        let sign: Int64 = consume("-") ? -1 : 1
        _ = consume("+")
        guard var seconds = number().map({ $0 * 3600 }) else { return nil }
        for unit in [60, 1] as [Int64] where consume(":") {
            guard let part = number() else { return nil }
            seconds += part * unit
        }
        return sign * seconds
    }
}
