import JSON
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-21T06:15:00Z", 1_795_241_700), ("2000-02-29T23:59:59Z", 951_868_799),
        ("1969-12-31T23:59:59Z", -1), ("1600-03-01T00:00:00Z", -11_670_912_000),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
    ])
    func `a time is read and written as RFC 3339`(text: String, seconds: Int64) throws {
        let time = try #require(Timestamp(text))
        #expect(time.seconds == seconds)
        #expect(time.description == text)
    }

    @Test func `offsets and fractions are understood`() {
        #expect(Timestamp("2026-11-21T07:15:00+01:00")?.seconds == 1_795_241_700)
        #expect(Timestamp("2026-11-21T06:15:00.25Z")?.nanoseconds == 250_000_000)
    }

    @Test(arguments: ["", "2026-11-21", "2026-13-01T00:00:00Z", "2026-11-21T06:15:00", "2026-11-21T06:15:00.Z", "x"])
    func `anything else is no time`(text: String) { #expect(Timestamp(text) == nil) }

    @Test func `every day of eight centuries keeps its date`() {
        var previous = ""
        for day in stride(from: Int64(-146_097), through: 146_097, by: 1) {
            let text = Timestamp(seconds: day * 86400).description
            #expect(Timestamp(text)?.seconds == day * 86400)
            #expect(text != previous)
            previous = text
        }
    }

    @Test(arguments: [("90s", 90_000), ("1h30m", 5_400_000), ("1.5h", 5_400_000), ("250ms", 250), ("0s", 0)])
    func `a duration is read as Kubernetes users write it`(text: String, milliseconds: Int64) {
        #expect(Duration(text: text)?.milliseconds == milliseconds)
    }

    @Test(arguments: ["", "5", "s", "-5s", "5d", "1h 30m", "1..5s"])
    func `anything else is no duration`(text: String) { #expect(Duration(text: text) == nil) }
}
