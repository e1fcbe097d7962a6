/// Why an archive cannot be written, read or used.
public struct ArchiveError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was attempted, on what, and what would help.
    public let description: String

    init(_ description: String) { self.description = description }
}
