internal import JSON

/// A check for texts that Kubernetes has a name for.
public enum NamedFormat: String, Sendable, CaseIterable {
    /// Up to 63 lower case letters, digits and `-`, letters or digits at both ends (RFC 1123).
    case dns1123Label
    /// Labels with points between them, up to 253 characters.
    case dns1123Subdomain
    /// As `dns1123Label`, starting with a letter (RFC 1035).
    case dns1035Label
    /// What a generated `dns1123Label` can start with: `-` at the end is fine.
    case dns1123LabelPrefix
    /// What a generated `dns1123Subdomain` can start with.
    case dns1123SubdomainPrefix
    /// What a generated `dns1035Label` can start with.
    case dns1035LabelPrefix
    /// The key of a label or an annotation: `example.com/name`.
    case qualifiedName
    /// The value of a label: up to 63 characters, or none.
    case labelValue
    /// An absolute URL or path.
    case uri
    /// 32 hexadecimal digits, with or without hyphens.
    case uuid
    /// Base64.
    case byte
    /// `2026-11-21`
    case date
    /// RFC 3339.
    case datetime

    /// What is wrong with a text; nothing when it has this format.
    public func problems(of text: String) -> [String] {
        switch self {
        case .dns1123Label: Self.label(text)
        case .dns1035Label: Self.label(text, startsWithLetter: true)
        case .dns1123Subdomain: Self.subdomain(text)
        case .dns1123LabelPrefix: Self.label(Self.completed(text))
        case .dns1035LabelPrefix: Self.label(Self.completed(text), startsWithLetter: true)
        case .dns1123SubdomainPrefix: Self.subdomain(Self.completed(text))
        case .qualifiedName: Self.qualifiedName(text)
        case .labelValue: text.isEmpty ? [] : Self.name(text)
        case .uri: AbsoluteURL(text) == nil ? ["must be an absolute URL or path"] : []
        case .uuid: Self.isUUID(text) ? [] : ["must be a UUID"]
        case .byte: Base64.decode(text) == nil ? ["must be base64"] : []
        case .date: Timestamp(rfc3339: text + "T00:00:00Z") == nil ? ["must be a date such as 2026-11-21"] : []
        case .datetime: Timestamp(rfc3339: text) == nil ? ["must be a time such as 2026-11-21T06:15:00Z"] : []
        }
    }

    /// The text with its last hyphen replaced: more characters will follow it.
    private static func completed(_ text: String) -> String { text.hasSuffix("-") ? text.dropLast() + "a" : text }

    private static func isLowercase(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }

    private static func label(_ text: String, startsWithLetter: Bool = false) -> [String] {
        var problems: [String] = []
        if text.utf8.count > 63 { problems.append("must be no more than 63 characters") }
        let isValid =
            text.utf8.allSatisfy { isLowercase($0) || $0.isDigit || $0 == UInt8(ascii: "-") }
            && text.utf8.first.map { isLowercase($0) || !startsWithLetter && $0.isDigit } == true
            && text.utf8.last != UInt8(ascii: "-")
        if !isValid {
            let start = startsWithLetter ? "a letter" : "a letter or a digit"
            problems.append(
                "must consist of lower case letters, digits or \"-\", start with \(start) and end with a letter or a digit"
            )
        }
        return problems
    }

    private static func subdomain(_ text: String) -> [String] {
        var problems: [String] = []
        if text.utf8.count > 253 { problems.append("must be no more than 253 characters") }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        let isValid = labels.allSatisfy { part in
            part.utf8.allSatisfy { isLowercase($0) || $0.isDigit || $0 == UInt8(ascii: "-") }
                && part.utf8.first.map { $0 != UInt8(ascii: "-") } == true && part.utf8.last != UInt8(ascii: "-")
        }
        if !isValid {
            problems.append(
                "must consist of lower case letters, digits, \"-\" or \".\", each part starting and ending with a "
                    + "letter or a digit"
            )
        }
        return problems
    }

    private static func name(_ text: String) -> [String] {
        func isAlphanumeric(_ byte: UInt8?) -> Bool {
            byte.map { $0.isDigit || $0.isLetter && $0 != UInt8(ascii: "_") } ?? false
        }
        var problems: [String] = []
        if text.utf8.count > 63 { problems.append("must be no more than 63 characters") }
        let isValid =
            text.utf8.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) } && isAlphanumeric(text.utf8.first)
            && isAlphanumeric(text.utf8.last)
        if !isValid {
            problems.append(
                "must consist of letters, digits, \"-\", \"_\" or \".\", starting and ending with a letter or a digit"
            )
        }
        return problems
    }

    private static func qualifiedName(_ text: String) -> [String] {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return name(text)
        case 2: return subdomain(String(parts[0])).map { "prefix part \($0)" } + name(String(parts[1]))
        default: return ["must be a name, with or without a DNS subdomain and \"/\" before it"]
        }
    }

    private static func isUUID(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        let hyphens = [8, 13, 18, 23]
        if bytes.count == 32 { return bytes.allSatisfy { $0.hexDigit != nil } }
        return bytes.count == 36
            && bytes.indices.allSatisfy { index in
                hyphens.contains(index) ? bytes[index] == UInt8(ascii: "-") : bytes[index].hexDigit != nil
            }
    }
}
