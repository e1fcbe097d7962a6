/// A stored document that cannot be used.
public struct InvalidState: Error, Sendable, CustomStringConvertible {
    /// The stable text that a failed process shows.
    public static let summary = "Invalid state"

    /// Every fault, with its path.
    public let faults: [String]
    /// Whether the document is sound for all this release knows, and only too new for it.
    public var isFromLaterRelease: Bool

    /// Says what is wrong, each fault with its path.
    public init(faults: [String], isFromLaterRelease: Bool = false) {
        self.faults = faults
        self.isFromLaterRelease = isFromLaterRelease
    }

    /// "Invalid state: steps[1].status: …"
    public var description: String { "\(Self.summary): \(faults.joined(separator: "; "))" }
}
