/// The parts of a request's URL the transport needs to know. libcurl parses the URL again, and more strictly.
package struct RequestTarget: Sendable, Equatable {
    /// Whether the scheme is `https`; otherwise it is `http`.
    package let isTLS: Bool
    /// `user:password@`, or nothing.
    package let userInfo: Substring
    /// The host as written; an IPv6 address keeps its brackets.
    package let host: Substring
    /// `:port` as written, or nothing.
    package let port: Substring
    /// What follows the authority.
    package let rest: Substring
    /// Scheme, host and port: what connections are shared by.
    package let origin: String

    /// nil unless `url` is printable ASCII without blanks and has the shape `http(s)://[user@]host[:port][/path][?query]`.
    package init?(_ url: String) {
        // Byte by byte, since comparing characters, which may be many scalars long, takes several times as long.
        let bytes = url.utf8
        let isPrintable = bytes.allSatisfy { (0x21...0x7E).contains($0) }
        guard isPrintable, let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let scheme = url[..<colon].lowercased()
        guard scheme == "http" || scheme == "https", bytes[colon...].starts(with: "://".utf8) else { return nil }
        isTLS = scheme == "https"

        let authority = bytes[colon...].dropFirst(3).prefix {
            $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
        }
        rest = url[authority.endIndex...]

        let at = authority.lastIndex(of: UInt8(ascii: "@"))
        let hostStart = at.map { authority.index(after: $0) } ?? authority.startIndex
        userInfo = url[authority.startIndex..<hostStart]
        guard let hostEnd = Self.endOfHost(in: authority[hostStart...]), hostEnd != hostStart else { return nil }
        host = url[hostStart..<hostEnd]
        port = url[hostEnd..<authority.endIndex]
        guard port.utf8.dropFirst().allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        origin = scheme + "://" + host.lowercased() + port
    }

    private static func endOfHost(in text: Substring.UTF8View) -> String.Index? {
        guard text.first == UInt8(ascii: "[") else { return text.firstIndex(of: UInt8(ascii: ":")) ?? text.endIndex }
        return text.firstIndex(of: UInt8(ascii: "]")).map { text.index(after: $0) }
            .flatMap { $0 == text.endIndex || text[$0] == UInt8(ascii: ":") ? $0 : nil }
    }

    private var scheme: String { isTLS ? "https://" : "http://" }

    /// What the `Host` field says.
    var hostField: String { "\(host)\(port)" }

    /// The URL for errors: no user, password, query or fragment, since those carry secrets.
    package var redacted: String { "\(scheme)\(host)\(port)\(rest.prefix { $0 != "?" && $0 != "#" })" }

    /// The same URL at another host, the port kept.
    func url(at otherHost: String) -> String { "\(scheme)\(userInfo)\(otherHost)\(port)\(rest)" }
}
