internal import JSON

extension FunctionTable {
    mutating func addTimes() {
        addGetter("getFullYear") { date, _ in date.year }
        addGetter("getMonth") { date, _ in date.month - 1 }
        addGetter("getDayOfYear") { date, _ in date.dayOfYear }
        addGetter("getDayOfMonth") { date, _ in date.day - 1 }
        addGetter("getDate") { date, _ in date.day }
        addGetter("getDayOfWeek") { date, _ in date.weekday }
        addGetter("getHours", { date, _ in date.hour }, ofDuration: { $0.components.seconds / 3600 })
        addGetter("getMinutes", { date, _ in date.minute }, ofDuration: { $0.components.seconds / 60 })
        addGetter("getSeconds", { date, _ in date.second }, ofDuration: { $0.components.seconds })
        addGetter(
            "getMilliseconds",
            { _, nanoseconds in nanoseconds / 1_000_000 },
            ofDuration: { $0.components.attoseconds / 1_000_000_000_000_000 }
        )
    }

    /// A method that reads one part of a date, in UTC or in the time zone it is given. Of durations some parts exist too.
    private mutating func addGetter(
        _ name: String,
        _ part: @escaping @Sendable (CivilDate, Int64) -> Int64,
        ofDuration: (@Sendable (Duration) -> Int64)? = nil
    ) {
        method(name) { value, _ throws(CELError) in
            switch value {
            case .timestamp(let time): return .int(part(CivilDate(seconds: time.seconds), Int64(time.nanoseconds)))
            case .duration(let duration):
                guard let ofDuration else { throw Value.noOverload(name, value) }
                return .int(ofDuration(duration))
            default: throw Value.noOverload(name, value)
            }
        }
        method(name) { value, zone, budget throws(CELError) in
            guard case .timestamp(let time) = value, case .string(let zone) = zone else {
                throw Value.noOverload(name, value, zone)
            }
            // Reading the system's database costs some ten microseconds.
            try budget.charge(100)
            let offset = try TimeZone(zone).offset(at: time.seconds)
            return .int(part(CivilDate(seconds: time.seconds + offset), Int64(time.nanoseconds)))
        }
    }
}
