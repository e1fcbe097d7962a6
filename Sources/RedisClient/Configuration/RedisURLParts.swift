/// The pieces of `scheme://[user[:password]@]host[:port][,host…][/database][?option=value&…]`.
struct RedisURLParts {
    private let scheme: Substring
    private let userInfo: Substring?
    let hosts: [Substring]
    private let path: Substring
    private let query: Substring
    private let hasFragment: Bool

    /// `nil` if the text does not start with a scheme and `://`; then it is the other form.
    init?(_ text: Substring) {
        let scheme = text.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
        let rest = text[scheme.endIndex...]
        guard !scheme.isEmpty, rest.hasPrefix("://") else { return nil }
        self.scheme = scheme
        let body = rest.dropFirst(3)
        let beforeFragment = body.prefix { $0 != "#" }
        hasFragment = beforeFragment.endIndex != body.endIndex
        let beforeQuery = beforeFragment.prefix { $0 != "?" }
        query = beforeFragment[beforeQuery.endIndex...].dropFirst()
        let authority = beforeQuery.prefix { $0 != "/" }
        path = beforeQuery[authority.endIndex...].dropFirst()
        // The last @, so that one in the password does no harm.
        if let at = authority.lastIndex(of: "@") {
            userInfo = authority[..<at]
            hosts = authority[authority.index(after: at)...].split(separator: ",", omittingEmptySubsequences: false)
        } else {
            userInfo = nil
            hosts = authority.split(separator: ",", omittingEmptySubsequences: false)
        }
    }

    func usesTLS() throws(RedisConfigurationError) -> Bool {
        guard !hasFragment else {
            throw RedisConfigurationError(option: "URL", problem: "for a \"#\" in a password write %23.")
        }
        // Such an @ belongs to credentials cut short by a bare special character; pieces of them must not become names.
        guard !path.contains("@"), !query.contains("@") else {
            throw RedisConfigurationError(
                option: "URL",
                problem: "an \"@\" comes after the host. If user or password contain \"/\" or \"?\", write %2F or %3F; "
                    + "elsewhere write %40 for \"@\"."
            )
        }
        switch scheme.lowercased() {
        case "redis": return false
        case "rediss": return true
        default: throw RedisConfigurationError(option: "URL", problem: "the scheme must be redis:// or rediss://.")
        }
    }

    func credentials() throws(RedisConfigurationError) -> (user: String?, password: RedisSecret?) {
        guard let userInfo else { return (nil, nil) }
        let user: String
        let password: String
        if let colon = userInfo.firstIndex(of: ":") {
            user = try Self.decode(userInfo[..<colon], "user")
            password = try Self.decode(userInfo[userInfo.index(after: colon)...], "password")
        } else {
            user = ""
            password = try Self.decode(userInfo, "password")
        }
        return (user.isEmpty ? nil : user, password.isEmpty ? nil : RedisSecret(password))
    }

    func database() throws(RedisConfigurationError) -> Int? {
        if path.isEmpty { return nil }
        guard let number = Int(path), (0...Int(Int32.max)).contains(number) else {
            throw RedisConfigurationError(
                option: "defaultDatabase",
                problem: "the path of the URL must be the number of a database, as in redis://host:6379/2. "
                    + "If a password contains \"/\", write %2F."
            )
        }
        return number
    }

    func options() throws(RedisConfigurationError) -> [(name: Substring, value: Substring)] {
        var options: [(name: Substring, value: Substring)] = []
        for part in query.split(separator: "&") {
            let split = part.firstIndex(of: "=") ?? part.endIndex
            let value = try Self.decode(part[split...].dropFirst(), String(part[..<split]))
            options.append((part[..<split], Substring(value)))
        }
        return options
    }

    /// Percent-decoding as in RFC 3986, section 2.1. A plus stays a plus.
    private static func decode(_ text: Substring, _ option: String) throws(RedisConfigurationError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst()?.hexDigitValue, let low = rest.popFirst()?.hexDigitValue else {
                throw RedisConfigurationError(option: option, problem: "two hexadecimal digits must follow a \"%\".")
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw RedisConfigurationError(option: option, problem: "the percent-encoded bytes are not UTF-8.")
        }
        return decoded
    }
}

extension UInt8 {
    fileprivate var hexDigitValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension StringProtocol where SubSequence == Substring {
    /// Without the blanks at both ends.
    func trimmingBlanks() -> Substring {
        let start = drop { $0.isWhitespace }
        guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return start[..<start.startIndex] }
        return start[...end]
    }
}
