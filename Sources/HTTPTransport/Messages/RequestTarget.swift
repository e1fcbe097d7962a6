/// The parts of a request's URL the transport needs to know. libcurl parses the URL again, and more strictly.
struct RequestTarget: Sendable, Equatable {
    /// Whether the scheme is `https`; otherwise it is `http`.
    let isTLS: Bool
    /// `user:password@`, or nothing.
    let userInfo: Substring
    /// The host as written; an IPv6 address keeps its brackets.
    let host: Substring
    /// `:port` as written, or nothing.
    let port: Substring
    /// What follows the authority.
    let rest: Substring
    /// Scheme, host and port: what connections are shared by.
    let origin: String

    /// nil unless `url` is printable ASCII without blanks and has the shape `http(s)://[user@]host[:port][/path][?query]`.
    init?(_ url: String) {
        let isPrintable = url.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        guard isPrintable, let colon = url.firstIndex(of: ":") else { return nil }
        let scheme = url[..<colon].lowercased()
        let afterColon = url[url.index(after: colon)...]
        guard scheme == "http" || scheme == "https", afterColon.hasPrefix("//") else { return nil }
        isTLS = scheme == "https"

        let afterScheme = afterColon.dropFirst(2)
        let authority = afterScheme.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        rest = afterScheme[authority.endIndex...]

        let hostStart = authority.lastIndex(of: "@").map { authority.index(after: $0) } ?? authority.startIndex
        userInfo = authority[..<hostStart]
        let hostAndPort = authority[hostStart...]
        guard let hostEnd = Self.endOfHost(in: hostAndPort), hostEnd != hostAndPort.startIndex else { return nil }
        host = hostAndPort[..<hostEnd]
        port = hostAndPort[hostEnd...]
        guard port.dropFirst().allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
        origin = "\(scheme)://\(host.lowercased())\(port)"
    }

    private static func endOfHost(in text: Substring) -> Substring.Index? {
        if text.hasPrefix("[") {
            return text.firstIndex(of: "]").map { text.index(after: $0) }
                .flatMap { $0 == text.endIndex || text[$0] == ":" ? $0 : nil }
        }
        return text.firstIndex(of: ":") ?? text.endIndex
    }

    private var scheme: String { isTLS ? "https://" : "http://" }

    /// What the `Host` field says.
    var hostField: String { "\(host)\(port)" }

    /// The URL for errors: no user, password, query or fragment, since those carry secrets.
    var redacted: String { "\(scheme)\(host)\(port)\(rest.prefix { $0 != "?" && $0 != "#" })" }

    /// The same URL at another host, the port kept.
    func url(at otherHost: String) -> String { "\(scheme)\(userInfo)\(otherHost)\(port)\(rest)" }
}
