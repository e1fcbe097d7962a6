/// The method of a request, such as `GET`. Case-sensitive, as HTTP has it.
public struct HTTPMethod: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The method as it goes over the wire.
    public let rawValue: String

    /// Takes any name; one that is not a token of RFC 9110 makes the request fail with `.invalidRequest`.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// Takes any name; one that is not a token of RFC 9110 makes the request fail with `.invalidRequest`.
    public init(stringLiteral value: String) {
        rawValue = value
    }

    /// The method as it goes over the wire.
    public var description: String { rawValue }

    /// Reads.
    public static let get: HTTPMethod = "GET"
    /// Reads the header block alone.
    public static let head: HTTPMethod = "HEAD"
    /// Creates, or does whatever the resource says.
    public static let post: HTTPMethod = "POST"
    /// Replaces.
    public static let put: HTTPMethod = "PUT"
    /// Changes in part.
    public static let patch: HTTPMethod = "PATCH"
    /// Removes.
    public static let delete: HTTPMethod = "DELETE"
    /// Asks what is possible.
    public static let options: HTTPMethod = "OPTIONS"

    /// Whether the method only reads, by RFC 9110 section 9.2.1, so that sending it twice does no harm.
    public var isSafe: Bool {
        self == .get || self == .head || self == .options
    }
}
