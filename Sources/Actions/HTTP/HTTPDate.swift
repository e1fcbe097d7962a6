internal import JSON

/// Dates in header fields: RFC 9110, section 5.6.7, in all three forms that a recipient must accept.
enum HTTPDate {
    /// nil when the text is no date: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`,
    /// `Sun Nov  6 08:49:37 1994`.
    static func timestamp(_ text: String) -> Timestamp? {
        let words = text.split { $0 == " " || $0 == "," || $0 == "-" }.dropFirst().map(String.init)
        switch words.count {
        case 5 where words[4] == "GMT": return timestamp(day: words[0], month: words[1], year: words[2], words[3])
        case 4: return timestamp(day: words[1], month: words[0], year: words[3], words[2])
        default: return nil
        }
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func timestamp(day: String, month: String, year: String, _ time: String) -> Timestamp? {
        guard let month = months.firstIndex(of: month), let number = Int(year), number >= 0 else { return nil }
        // The second form is from the last century, and so are its dates from 70 on.
        let year = number < 70 ? "\(2000 + number)" : number < 100 ? "\(1900 + number)" : year
        return Timestamp("\(year)-\(twoDigits(month + 1))-\(day.count == 1 ? "0\(day)" : day)T\(time)Z")
    }

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
