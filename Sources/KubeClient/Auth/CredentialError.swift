/// Why there are no credentials at the moment. Another attempt may have more luck.
public struct CredentialError: Error, Sendable, CustomStringConvertible {
    /// What was attempted, what came of it, and what would help. Holds nothing that a plugin printed.
    public let description: String

    init(_ description: String) { self.description = description }
}
