internal import JSON
internal import KubeClient

/// Takes secrets out of what comes back from where they were sent.
///
/// A secret is looked for as it is, without the blanks around it, in Base64, as a JSON string has it, and line by line,
/// as a server or a program may print a key. It cannot be found in a form that nobody foresees, such as encrypted.
struct Redaction: Sendable {
    /// What stands in place of a secret.
    static let mark = "***"
    /// Lines of a secret that are shorter say nothing, and would take brackets and blanks out of every text.
    private static let shortestLine = 8

    /// The longest first, so that no rest of one is left when another one begins alike.
    private var forms: [[UInt8]] = []

    /// Adds a secret. An empty one is none.
    mutating func add(_ secret: String) {
        var found = Set(forms)
        let lines = secret.split(whereSeparator: \.isNewline).map { Self.trimmed($0) }
        var texts = [secret, Self.trimmed(secret[...]), Self.jsonForm(of: secret)]
        if lines.count > 1 { texts += lines.filter { $0.utf8.count >= Self.shortestLine } }
        for text in texts where !text.isEmpty {
            found.insert(Array(text.utf8))
            found.insert(Array(Base64.encode(Array(text.utf8)).utf8))
        }
        forms = found.sorted { ($0.count, $1.count) > ($1.count, $0.count) }
    }

    private static func trimmed(_ text: Substring) -> String {
        guard let first = text.firstIndex(where: { !$0.isWhitespace }),
            let last = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(text[first...last])
    }

    private static func jsonForm(of text: String) -> String {
        String(decoding: JSONValue.string(text).serialized().dropFirst().dropLast(), as: UTF8.self)
    }

    /// The text without secrets.
    /// - Parameter isTruncated: the text was cut: what may be the beginning of a secret at its end is taken out too.
    func apply(_ text: String, isTruncated: Bool = false) -> String {
        guard !forms.isEmpty else { return text }
        // Bytes, not characters: a combining accent after a secret would make it unequal.
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var beginnings = [Bool](repeating: false, count: 256)
        for form in forms { beginnings[Int(form[0])] = true }
        var position = 0
        while position < bytes.count {
            guard beginnings[Int(bytes[position])], let length = match(bytes[position...], isTruncated) else {
                result.append(bytes[position])
                position += 1
                continue
            }
            result += Self.mark.utf8
            position += length
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// - Returns: the length of the secret with which the bytes begin.
    private func match(_ bytes: ArraySlice<UInt8>, _ isTruncated: Bool) -> Int? {
        if let form = forms.first(where: { bytes.starts(with: $0) }) { return form.count }
        return isTruncated && forms.contains { $0.starts(with: bytes) } ? bytes.count : nil
    }

    /// The value without secrets, in names of members too; a number that reads like a secret becomes a string.
    func apply(_ value: JSONValue) -> JSONValue {
        guard !forms.isEmpty else { return value }
        switch value {
        case .null, .bool: return value
        case .int, .double:
            let text = value.description
            return forms.contains(Array(text.utf8)) ? .string(Self.mark) : value
        case .string(let text): return .string(apply(text))
        case .array(let elements): return .array(elements.map(apply))
        case .object(let members):
            var result: [String: JSONValue] = [:]
            for (name, member) in members { result[apply(name)] = apply(member) }
            return .object(result)
        }
    }
}
