/// The API server serves no kind like the one asked for.
public struct UnresolvedResource: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was asked for: `kind "Widget" in example.dev/v1`.
    public let request: String
    /// Close matches, best first; empty when there are none.
    public let suggestions: [String]
    /// Group versions that the server names but could not describe; the kind may be in one of them.
    public let failures: [Discovery.Failure]
    /// Until then the same question gets this answer without the server being asked again. A reconciler that waits for a
    /// definition to be installed comes back after that time.
    public let retryAfter: Duration

    /// What was asked for, what is known, and what would help.
    public var description: String {
        var text = "the API server does not serve \(request)"
        if suggestions.isEmpty {
            text += "; is its CustomResourceDefinition installed?"
        } else {
            text += "; did you mean \(suggestions.joined(separator: ", or "))?"
            text += " Else install its CustomResourceDefinition"
        }
        if !failures.isEmpty {
            text += ". It may also be in what could not be read: "
            text += failures.map { "\($0.apiVersion) (\($0.reason))" }.joined(separator: ", ")
        }
        return text
    }
}
