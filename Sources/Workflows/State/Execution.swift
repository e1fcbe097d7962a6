public import JSON

/// The attempts of one action: of a step, of one element of a list, or of a compensation.
public struct Execution: Sendable, Hashable {
    /// Where it is.
    public var status = StepPhase.pending
    /// How often it was started because of a failure, counted from 1; 0 before the first start.
    public var attempt = 0
    /// How often it was started again because nobody knew what had become of it, under the same key.
    public var interruptions = 0
    /// The place of its latest start among all starts of the run, from 1; 0 before the first. What was started last is
    /// undone first, and a result counts only for the start that it belongs to.
    public var start = 0
    /// The idempotency key of its effect.
    public var key: String?
    /// Of the first attempt.
    public var startTime: Timestamp?
    /// Of the last attempt.
    public var endTime: Timestamp?
    /// Why the last attempt failed, or what it waits for.
    public var message: String?
    /// When the process's clock shows this, it is tried again (`Waiting`) or given up (`Blocked`).
    public var dueAt: Int?

    /// Not begun.
    public init() {}
}

/// Names one execution within a process.
public struct ExecutionID: Sendable, Hashable, CustomStringConvertible {
    /// The step's name.
    public let step: String
    /// The element of the step's list.
    public let item: Int?
    /// Whether it is the undoing of the step.
    public let isCompensation: Bool

    /// An execution of a step, of one of its elements, or of its compensation.
    public init(_ step: String, item: Int? = nil, isCompensation: Bool = false) {
        self.step = step
        self.item = item
        self.isCompensation = isCompensation
    }

    /// For example `resize`, `resize[17]` or `resize[17]/compensate`. Part of the idempotency key.
    public var description: String {
        step + (item.map { "[\($0)]" } ?? "") + (isCompensation ? "/compensate" : "")
    }

    /// Reads what `description` shows; nil for anything else.
    public init?(parsing text: String) {
        guard let match = text.wholeMatch(of: /(?<step>[^\[\]\/]+)(?:\[(?<item>[0-9]{1,9})\])?(?<undo>\/compensate)?/)
        else { return nil }
        self.init(
            String(match.step),
            item: match.item.flatMap { Int($0) },
            isCompensation: match.undo != nil
        )
    }

    var compensation: ExecutionID { ExecutionID(step, item: item, isCompensation: true) }
}
