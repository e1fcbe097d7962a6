/// The version of HTTP a response came by.
public enum HTTPVersion: String, Sendable, CustomStringConvertible {
    /// One exchange per connection.
    case http1_0 = "HTTP/1.0"
    /// One exchange at a time per connection.
    case http1_1 = "HTTP/1.1"
    /// Many exchanges at a time per connection.
    case http2 = "HTTP/2"

    /// As in a status line.
    public var description: String { rawValue }
}
