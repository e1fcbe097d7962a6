public import JSON

/// What is recorded about one step.
public struct StepState: Described, Hashable {
    /// The step's name in the definition.
    public var name = ""
    /// Where it is.
    public var status = StepPhase.pending
    /// How often it was started because of a failure, counted from 1; 0 before the first start.
    public var attempt = 0
    /// How often it was started again because nobody knew what had become of it, under the same key.
    public var interruptions = 0
    /// The idempotency key of its effect.
    public var key: String?
    /// Of the first attempt.
    public var startTime: Timestamp?
    /// Of the last attempt.
    public var endTime: Timestamp?
    /// Why the last attempt failed, or what it waits for.
    public var message: String?
    /// How long it still waits before the next attempt, in milliseconds.
    public var retryDelayMilliseconds: Int?
    /// What the action returned.
    public var output: JSONValue?

    /// A step not begun.
    public init() {}

    public static let about = "What is recorded about one step."
    public static let fields: [Field<StepState>] = [
        Field("name", \.name, "The step's name.", isRequired: true),
        Field("status", \.status, "Pending, Started, Waiting, Completed, Failed or Cancelled.", isRequired: true),
        Field("attempt", \.attempt, "How often it was tried.") { $0.minimum = 0 },
        Field("interruptions", \.interruptions, "How often it was started again after a loss of its result."),
        Field("key", \.key, "Idempotency key of its effect."),
        Field("startTime", \.startTime, "When it began."),
        Field("endTime", \.endTime, "When its last attempt ended."),
        Field("message", \.message, "Why the last attempt failed."),
        Field("retryDelayMilliseconds", \.retryDelayMilliseconds, "What is left of the wait for another attempt."),
        Field("output", \.output, "What the action returned."),
    ]
}
