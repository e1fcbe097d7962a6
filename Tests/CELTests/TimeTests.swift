import CEL
import Testing

@Suite struct TimeTests {
    @Test func `timestamps and durations are read and written`() {
        expectSame([
            ("string(timestamp('2009-02-13T23:31:30+01:00'))", "'2009-02-13T22:31:30Z'"),
            ("string(timestamp('2009-02-13T23:31:30.120Z'))", "'2009-02-13T23:31:30.12Z'"),
            ("timestamp(1234567890)", "timestamp('2009-02-13T23:31:30Z')"),
            ("duration('1h2m3.5s')", "duration('3723500ms')"), ("string(duration('-90m'))", "'-5400s'"),
            ("string(duration('1us') + duration('1ns'))", "'0.000001001s'"), ("duration('0')", "duration('0s')"),
            ("duration('-1.5h')", "duration('-5400s')"),
            ("string(timestamp('0001-01-01T00:00:00Z'))", "'0001-01-01T00:00:00Z'"),
        ])
        expectFailures([
            "timestamp('2023-02-29T00:00:00Z')", "timestamp('2023-01-01 00:00:00Z')",
            "timestamp('2023-01-01T24:00:00Z')",
            "timestamp('2023-01-01T00:00:00')", "timestamp('0000-01-01T00:00:00Z')", "timestamp(253402300800)",
            "timestamp('9999-12-31T23:59:59-01:00')", "duration('1')", "duration('1d')", "duration('')",
            "duration('-')",
            "duration('300y')", "duration('9999999999s')", "duration('99999999999999999999h')",
        ])
    }

    @Test func `arithmetic stays within the years 1 to 9999`() {
        expectSame([
            ("timestamp(0) + duration('1h')", "timestamp(3600)"), ("duration('1h') + timestamp(0)", "timestamp(3600)"),
            ("timestamp(0) - duration('1ns') < timestamp(0)", "true"),
            ("timestamp(5) - timestamp(7)", "duration('-2s')"),
            ("duration('1m') - duration('1s')", "duration('59s')"),
            (
                "timestamp('0001-01-01T00:00:01.000000001Z') + duration('-999999999ns')",
                "timestamp('0001-01-01T00:00:00.000000002Z')"
            ),
        ])
        expectFailures([
            "timestamp('9999-12-31T23:59:59.999999999Z') + duration('1ns')",
            "timestamp('0001-01-01T00:00:00Z') - duration('1ns')",
            "timestamp('9999-12-31T00:00:00Z') - timestamp('0001-01-01T00:00:00Z')",
            "duration('9000000000s') + duration('9000000000s')", "timestamp(0) + timestamp(0)",
            "duration('1s') - timestamp(0)",
        ])
    }

    @Test func `parts of a date are read in UTC`() {
        let time = "timestamp('2024-12-31T23:59:58.123456789Z')"
        expectSame([
            ("\(time).getFullYear()", "2024"), ("\(time).getMonth()", "11"), ("\(time).getDate()", "31"),
            ("\(time).getDayOfMonth()", "30"), ("\(time).getDayOfWeek()", "2"), ("\(time).getDayOfYear()", "365"),
            ("\(time).getHours()", "23"), ("\(time).getMinutes()", "59"), ("\(time).getSeconds()", "58"),
            ("\(time).getMilliseconds()", "123"), ("timestamp('1969-12-31T23:00:00Z').getDayOfWeek()", "3"),
        ])
    }

    @Test func `parts of a duration are the whole in that unit, milliseconds alone are a part`() {
        expectSame([
            ("duration('3h30m').getHours()", "3"), ("duration('3h30m').getMinutes()", "210"),
            ("duration('90.5s').getSeconds()", "90"), ("duration('123.321s').getMilliseconds()", "321"),
        ])
        expectFailures(["duration('1s').getDate()", "duration('1s').getHours('UTC')"])
    }

    @Test func `offsets and names of the system's database are time zones`() {
        let summer = "timestamp('2024-07-01T12:00:00Z')"
        expectSame([
            ("\(summer).getHours('+02:30')", "14"), ("\(summer).getMinutes('-02:30')", "30"),
            ("\(summer).getHours('02:00')", "14"),
            ("\(summer).getHours('UTC')", "12"), ("\(summer).getHours('Europe/Berlin')", "14"),
            ("timestamp('2024-01-01T12:00:00Z').getHours('Europe/Berlin')", "13"),
            ("\(summer).getHours('America/St_Johns')", "9"), ("\(summer).getMinutes('Asia/Kathmandu')", "45"),
            // Beyond the transitions the database lists, its closing rule holds, north and south.
            ("timestamp('2124-07-01T12:00:00Z').getHours('Europe/Berlin')", "14"),
            ("timestamp('2124-01-01T12:00:00Z').getHours('Europe/Berlin')", "13"),
            ("timestamp('2124-01-01T12:00:00Z').getHours('Australia/Sydney')", "23"),
            ("timestamp('2124-07-01T12:00:00Z').getHours('Australia/Sydney')", "22"),
            // The last Sunday of March 2124 is the 26th; summer begins at one o'clock UTC.
            ("timestamp('2124-03-26T00:59:59Z').getHours('Europe/Berlin')", "1"),
            ("timestamp('2124-03-26T01:00:00Z').getHours('Europe/Berlin')", "3"),
            ("timestamp('1800-01-01T12:00:00Z').getHours('Europe/Berlin')", "12"),
        ])
        expectFailures([
            "\(summer).getHours('Nowhere/Land')", "\(summer).getHours('../../../etc/passwd')",
            "\(summer).getHours('/etc/passwd')",
            "\(summer).getHours('+25:00')", "\(summer).getHours('Europe')",
        ])
    }
}
