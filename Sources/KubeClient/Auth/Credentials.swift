/// How requests prove who sends them. Client certificates are part of the TLS settings instead, unless a plugin hands
/// them out.
public enum Credentials: Sendable {
    /// Nobody, or somebody known by a client certificate.
    case none
    /// A bearer token that never changes.
    case token(String)
    /// A bearer token in a file that somebody else keeps fresh, such as the service-account token of a pod, which the
    /// kubelet replaces before it expires.
    case tokenFile(path: String)
    /// User name and password.
    case basic(user: String, password: String)
    /// Whatever a program says.
    case exec(ExecPlugin)
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible {
    /// What kind they are. Never what they are: a configuration that is printed must give nothing away.
    public var description: String {
        switch self {
        case .none: "none"
        case .token: "a token"
        case .tokenFile(let path): "the token in \(path)"
        case .basic(let user, _): "the password of \(user)"
        case .exec(let plugin): "those of \(plugin.command)"
        }
    }

    /// The same.
    public var debugDescription: String { description }
}

extension String {
    func trimmingBlanks() -> String {
        let start = drop { $0.isWhitespace }
        guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...end])
    }
}
