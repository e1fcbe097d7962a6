public import JSON

/// What is recorded about one step, or about one element of the list that a step works through.
public struct StepState: Described, Hashable {
    /// The step's name in the definition; empty for an element.
    public var name = ""
    /// The element's place in the list, from 0; nil for a step.
    public var item: Int?
    /// Its attempts. For a step with a list only the status counts, which sums up its elements.
    public var execution = Execution()
    /// How often its effect was undone and it was run anew; part of the key.
    public var rerun = 0
    /// SHA-256 of its evaluated inputs, the first 16 hexadecimal digits.
    public var inputDigest: String?
    /// Whether some attempt may have had an effect although none has succeeded.
    public var hasUnknownEffect = false
    /// What the action returned.
    public var output: JSONValue?
    /// Where the output is, if it is too large for this document.
    public var outputPart: PartReference?
    /// What undoes it, with the inputs recorded before its effect.
    public var compensation: CompensationState?
    /// How many elements the step's list has; nil before the list is evaluated, and for steps without one.
    public var itemCount: Int?
    /// What is recorded about each element of the list.
    public var items: StepItems?

    /// A step not begun.
    public init() {}

    init(name: String) { self.name = name }
    init(item: Int) { self.item = item }

    /// Where it is.
    public var status: StepPhase {
        get { execution.status }
        set { execution.status = newValue }
    }

    public static let about = "What is recorded about one step."
    public static let fields: [Field<StepState>] = [
        Field("name", \.name, "The step's name."),
        Field("item", \.item, "The element's place in the list, from 0.", adjust: asCount),
        Field("status", \.execution.status, "Where the step is.", isRequired: true),
        Field("attempt", \.execution.attempt, "How often it was tried.", adjust: asCount),
        Field(
            "interruptions",
            \.execution.interruptions,
            "How often it was started again after its result was lost.",
            adjust: asCount
        ),
        Field("start", \.execution.start, "The place of its latest start among all starts.", adjust: asCount),
        Field("key", \.execution.key, "Idempotency key of its effect."),
        Field("startTime", \.execution.startTime, "When it began."),
        Field("endTime", \.execution.endTime, "When its last attempt ended."),
        Field("message", \.execution.message, "Why the last attempt failed, or what it waits for."),
        Field("dueAt", \.execution.dueAt, "When clockMilliseconds shows this, it goes on.", adjust: asCount),
        Field("rerun", \.rerun, "How often it was undone and run anew.", adjust: asCount),
        Field("inputDigest", \.inputDigest, "SHA-256 of its inputs."),
        Field("hasUnknownEffect", \.hasUnknownEffect, "Whether a failed attempt may have had an effect."),
        Field("output", \.output, "What the action returned."),
        Field("outputPart", \.outputPart, "Where the output is."),
        Field("compensation", \.compensation, "What undoes it."),
        Field("itemCount", \.itemCount, "How many elements its list has.", adjust: asCount),
        Field(
            "items",
            \.items,
            "What is recorded about each element; those that are not here have not begun, or are in a segment."
        ),
    ]
}

extension StepState {
    /// Leaves out what says nothing: there may be thousands of steps.
    public func json() -> JSONValue { json(without: Self.blank) }

    private static let blank = StepState().json(without: [:])
}

extension Described {
    /// The listed fields but those that have the same value in `blank`.
    fileprivate func json(without blank: JSONValue) -> JSONValue {
        var members: [String: JSONValue] = [:]
        // As a buffer, because looking at a field in an array copies it.
        Self.fields.withUnsafeBufferPointer { fields in
            for index in fields.indices {
                guard let value = fields[index].value(in: self) else { continue }
                let name = fields[index].name
                if name == "status" || value != blank[name] { members[name] = value }
            }
        }
        return .object(members)
    }
}

/// The elements of a step's list, in their order.
public struct StepItems: SchemaRepresentable, Hashable {
    /// One state for each.
    public var states: [StepState]

    init(_ states: [StepState]) { self.states = states }

    public init(json: JSONValue) throws(JSONDecodingError) { states = try [StepState](json: json) }

    public init(reading reader: inout JSONReader) throws(JSONDecodingError) {
        states = try [StepState](reading: &reader)
    }

    public func json() -> JSONValue { states.json() }

    /// Lists of steps: the schema does not go down into itself.
    public static var schema: JSONSchema {
        JSONSchema(.array).with(\.items, [.anyObject])
    }
}

/// The undoing of one step.
public struct CompensationState: Described, Hashable {
    /// What undoes it.
    public var action = ""
    /// Evaluated; nil when it cannot be evaluated without the outputs of a step that never returned any.
    public var with: JSONValue?
    /// Where the inputs are, if they are too large for the document.
    public var withPart: PartReference?
    /// What the action has recorded for its own undoing although the definition declares another one: later attempts
    /// need to know how things were.
    public var recorded: JSONValue?
    /// Where that is, if it is too large for the document.
    public var recordedPart: PartReference?
    /// Its attempts.
    public var execution = Execution()

    /// No action.
    public init() {}

    init(action: String, with: JSONValue?, part: PartReference? = nil) {
        self.action = action
        self.with = with
        withPart = part
    }

    public static let about = "The undoing of one step."
    public static let fields: [Field<CompensationState>] = [
        Field("action", \.action, "What undoes the step.", isRequired: true),
        Field("with", \.with, "Its inputs."),
        Field("withPart", \.withPart, "Where its inputs are."),
        Field("recorded", \.recorded, "What the action has recorded besides."),
        Field("recordedPart", \.recordedPart, "Where that is."),
        Field("status", \.execution.status, "Where it is."),
        Field("attempt", \.execution.attempt, "How often it was tried.", adjust: asCount),
        Field(
            "interruptions",
            \.execution.interruptions,
            "How often it was started again after its result was lost.",
            adjust: asCount
        ),
        Field("start", \.execution.start, "The place of its latest start among all starts.", adjust: asCount),
        Field("key", \.execution.key, "Idempotency key of its effect."),
        Field("startTime", \.execution.startTime, "When it began."),
        Field("endTime", \.execution.endTime, "When its last attempt ended."),
        Field("message", \.execution.message, "Why the last attempt failed."),
        Field("dueAt", \.execution.dueAt, "When clockMilliseconds shows this, it goes on.", adjust: asCount),
    ]
}

/// Something that is stored apart from the document, under the digest of its bytes, and never changed.
public struct PartReference: Described, Hashable {
    /// SHA-256 of its bytes.
    public var digest = ""
    /// Its size.
    public var bytes = 0

    /// Nothing.
    public init() {}

    init(digest: String, bytes: Int) {
        self.digest = digest
        self.bytes = bytes
    }

    public static let about = "Names something that is stored apart."
    public static let fields: [Field<PartReference>] = [
        Field("digest", \.digest, "SHA-256 of its bytes.", isRequired: true) { $0.minLength = 1 },
        Field("bytes", \.bytes, "Its size.", isRequired: true, adjust: asCount),
    ]
}
