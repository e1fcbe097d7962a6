/// An error reply, such as `WRONGTYPE Operation against a key holding the wrong kind of value`.
public struct RedisReplyError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The first word, by convention in capitals: `ERR`, `WRONGTYPE`, `NOSCRIPT`, `NOAUTH`, …
    public let code: String
    /// The server's own words, the code included; quoted arguments of an unknown command are cut off.
    public let message: String

    init(_ text: String) {
        // Redis quotes what it was sent here, and that may be a document or a password.
        message = text.firstRange(of: ", with args beginning with").map { String(text[..<$0.lowerBound]) } ?? text
        code = String(message.prefix { $0 != " " })
    }

    /// The server's own words.
    public var description: String { message }

    /// The server said that it cannot do it now, and did not do it.
    var isTransient: Bool {
        ["LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY"].contains(code)
    }
}
