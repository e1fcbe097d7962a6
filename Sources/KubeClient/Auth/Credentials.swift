internal import Synchronization

/// How requests prove who sends them. Client certificates are part of the TLS settings instead.
public enum Credentials: Sendable {
    /// Nobody, or somebody known by a client certificate.
    case none
    /// A bearer token that never changes.
    case token(String)
    /// A bearer token in a file that somebody else keeps fresh.
    case tokenFile(TokenFile)
    /// User name and password.
    case basic(user: String, password: String)

    func authorization() throws -> String? {
        switch self {
        case .none: nil
        case .token(let token): "Bearer \(token)"
        case .tokenFile(let file): "Bearer \(try file.token())"
        case .basic(let user, let password): "Basic \(Base64.encode(Array("\(user):\(password)".utf8)))"
        }
    }
}

/// A token in a file, such as the service-account token of a pod, which the kubelet replaces before it expires.
public final class TokenFile: Sendable {
    /// How long a token read from the file is used before the file is read again (client-go `transport/token_source.go`:
    /// one minute).
    public static let rereadInterval: Duration = .seconds(60)

    private struct Reading {
        let token: String
        let at: ContinuousClock.Instant
    }

    private let path: String
    private let last = Mutex<Reading?>(nil)

    /// The file is read at the first request.
    public init(path: String) { self.path = path }

    /// The token, at most a minute old. A file that has become unreadable keeps the last token in use.
    public func token() throws -> String {
        let now = ContinuousClock.now
        return try last.withLock { last in
            if let last, now - last.at < Self.rereadInterval { return last.token }
            do {
                let bytes = try FileContents.read(path)
                let token = String(decoding: bytes, as: UTF8.self).trimmingBlanks()
                last = Reading(token: token, at: now)
                return token
            } catch {
                guard let last else { throw error }
                return last.token
            }
        }
    }
}

extension String {
    func trimmingBlanks() -> String {
        let start = drop { $0.isWhitespace }
        guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...end])
    }
}
