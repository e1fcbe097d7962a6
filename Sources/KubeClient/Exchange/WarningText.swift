/// What a `Warning` field says.
enum WarningText {
    /// - Parameter field: such as `299 - "the text, with \" and \\ escaped"` (RFC 7234 section 5.5).
    /// - Returns: the text; nil when the code is not 299, the one API servers use (KEP-1693), or the form is another.
    static func text(of field: String) -> String? {
        let parts = field.split(separator: " ", maxSplits: 2)
        guard parts.count == 3, parts[0] == "299", parts[2].first == "\"" else { return nil }
        var text = ""
        var isEscaped = false
        for character in parts[2].dropFirst() {
            if isEscaped || character != "\\" && character != "\"" {
                text.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                return text
            }
        }
        return nil
    }
}
