public import JSON

/// The action that undoes a step on rollback.
///
/// Its inputs are evaluated and recorded before the step's effect, and once more when the step is completed, because
/// they may refer to the step's own `outputs`.
public struct Compensation: Described, Hashable {
    /// The name of an action.
    public var action = ""
    /// The action's inputs; expressions may use `outputs`, the outputs of the step that is undone.
    public var with: JSONValue?
    /// For one attempt.
    public var timeout: String?
    /// Overrides the process's policy.
    public var retry: RetryPolicy?

    /// No action.
    public init() {}

    /// A compensation from its parts.
    public init(action: String, with: JSONValue? = nil) {
        self.action = action
        self.with = with
    }

    public static let about = "The action that undoes a step on rollback."
    public static let fields: [Field<Compensation>] = [
        Field("action", \.action, "What undoes the step.", isRequired: true) { $0.minLength = 1 },
        Field("with", \.with, "The action's inputs; `outputs` are those of the step that is undone.") {
            $0.kind = .object
        },
        Field("timeout", \.timeout, "Limit for one attempt. Default: none.", adjust: asDuration),
        Field("retry", \.retry, "Overrides the retry policy of the process."),
    ]
}
