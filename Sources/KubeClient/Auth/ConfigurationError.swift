/// Why no connection can be configured.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    /// What was read, what was wrong with it, and what would help.
    public let description: String

    init(_ description: String) { self.description = description }
}
