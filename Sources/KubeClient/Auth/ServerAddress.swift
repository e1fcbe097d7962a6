internal import Glibc

/// Scheme, host and port of a URL, as far as they matter for finding the way to it.
struct ServerAddress {
    /// In lower case.
    let scheme: String
    /// What stands before `@`, percent-encoded; nil when there is none.
    let userInfo: Substring?
    /// In lower case, an IPv6 address without its brackets.
    let host: String
    /// nil when the URL names none.
    let port: UInt16?

    /// nil when it is no URL with a host, or its port is none.
    init?(_ url: String) {
        guard let colon = url.range(of: "://") else { return nil }
        scheme = url[..<colon.lowerBound].lowercased()
        let authority = url[colon.upperBound...].prefix { !"/?#".contains($0) }
        let at = authority.lastIndex(of: "@")
        userInfo = at.map { authority[..<$0] }
        guard let (host, port) = Self.split(at.map { authority[authority.index(after: $0)...] } ?? authority[...])
        else { return nil }
        guard !scheme.isEmpty, !host.isEmpty, port.isEmpty || UInt16(port) != nil else { return nil }
        self.host = host.lowercased()
        self.port = UInt16(port)
    }

    /// Host and port of `host`, `host:port`, `[host]` and `[host]:port`; the port is empty when there is none. nil when
    /// it is none of these.
    static func split(_ text: Substring) -> (host: Substring, port: Substring)? {
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { return nil }
            return (text[text.index(after: text.startIndex)..<end], rest.dropFirst())
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return (text, "")
        case 2: return (parts[0], parts[1])
        default: return nil
        }
    }

    /// The bytes of an IP address, four or sixteen; an IPv4 address written as IPv6 counts as IPv4. nil for a name.
    static func addressBytes(_ text: some StringProtocol) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, String(text), &bytes) == 1 { return Array(bytes[..<4]) }
        guard inet_pton(AF_INET6, String(text), &bytes) == 1 else { return nil }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        return bytes.starts(with: mapped) ? Array(bytes[12...]) : bytes
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            formIndex(after: &start)
        }
        return nil
    }
}
