public import JSON

/// What a dry run has found: what each step would do, for people, and a digest of the whole.
public struct ProcessPlan: Described, Hashable {
    /// Equal plans have equal digests: 64 hexadecimal digits.
    public var digest = ""
    /// A line for each step and, below it, one for each change.
    public var lines: [String] = []

    /// An empty one.
    public init() {}

    public static let about = "What a dry run has found."
    public static let fields: [Field<ProcessPlan>] = [
        Field("digest", \.digest, "Identifies the plan: SHA-256 of what each step would do.", isRequired: true),
        Field("lines", \.lines, "What each step would do.", isRequired: true),
    ]

    /// How many lines are told at most; with their lengths they keep a resource's status small.
    static let maximumLines = 300
    private static let maximumLineLength = 240
}

extension ProcessPlan {
    /// - Parameter steps: of a dry run that has ended, each with the name of its action.
    init(of steps: [(record: StepState, action: String)]) {
        var lines: [String] = []
        var digested: [JSONValue] = []
        for (step, action) in steps {
            for record in step.items?.states ?? [step] {
                let place = record.item.map { "[\($0)]" } ?? ""
                lines += Self.lines("\(step.name)\(place)", action, record)
                digested.append([
                    "step": .string("\(step.name)\(place)"), "action": .string(action),
                    "plan": record.output.map(Self.stable) ?? .string(record.status.rawValue),
                ])
            }
        }
        digest = Digest.sha256(JSONValue.array(digested).serialized())
        if lines.count > Self.maximumLines {
            let rest = lines.count - Self.maximumLines
            lines = lines.prefix(Self.maximumLines) + ["… and \(rest) more lines"]
        }
        self.lines = lines.map { $0.count > Self.maximumLineLength ? "\($0.prefix(Self.maximumLineLength))…" : $0 }
    }

    /// An action that says what identifies its plan is taken at its word.
    private static func stable(_ output: JSONValue) -> JSONValue { output["digest"] ?? output }

    private static func lines(_ name: String, _ action: String, _ record: StepState) -> [String] {
        switch record.status {
        case .completed: break
        case .skipped, .omitted: return ["\(name) (\(action)): \(record.execution.message ?? "does not run")"]
        default: return ["\(name) (\(action)): cannot be done: \(record.execution.message ?? record.status.rawValue)"]
        }
        guard let output = record.output, let verb = output["would"]?.string else { return ["\(name) (\(action))"] }
        var lines: [String] = []
        var rest = output.object ?? [:]
        for member in ["would", "digest", "objects", "object", "changes"] { rest[member] = nil }
        let subject = output["object"]?.string.map { " \($0)" } ?? ""
        let details = rest.isEmpty ? "" : " \(ProcessMachine.text(.object(rest)))"
        lines.append("\(name) (\(action)): \(verb)\(subject)\(details)")
        lines += changes(output, indent: "  ")
        if let digest = output["digest"]?.string, output["objects"] != nil { lines.append("  digest: \(digest)") }
        for object in output["objects"]?.array ?? [] {
            if let text = object.string { lines.append("  \(text)") }
            guard let name = object["object"]?.string else { continue }
            lines.append("  \(object["action"]?.string ?? "") \(name)")
            lines += changes(object, indent: "    ")
        }
        return lines
    }

    private static func changes(_ value: JSONValue, indent: String) -> [String] {
        (value["changes"]?.array ?? []).compactMap { $0.string.map { "\(indent)\($0)" } }
    }
}
