public import JSON

/// What a person asks of a process, on its way to the replica that runs it.
public struct PostedCommand: Sendable, Hashable {
    /// Tells it from every other one: it is obeyed once, however often it is posted or read.
    public let id: String
    /// What is asked.
    public let action: Action
    /// Who asks.
    public let user: String?
    /// When it was posted; for display.
    public let postedAt: Timestamp

    /// What can be posted. What a resource's spec says (its definition, above all) is changed there.
    public enum Action: Sendable, Hashable {
        /// See `ProcessCommand`.
        case pause, resume, retry, retryCurrentStep, rollBack, markCleanedUp
        /// See `ProcessCommand`.
        case cancel(CancelMode)
        /// See `ProcessCommand`.
        case decide(ExecutionID?, Decision)
    }

    /// A command about to be posted.
    public init(id: String, _ action: Action, user: String? = nil, postedAt: Timestamp) {
        self.id = id
        self.action = action
        self.user = user
        self.postedAt = postedAt
    }

    /// What the engine is told.
    public var command: ProcessCommand {
        switch action {
        case .pause: .pause
        case .resume: .resume
        case .retry: .retry
        case .retryCurrentStep: .retryCurrentStep
        case .rollBack: .rollBack
        case .markCleanedUp: .markCleanedUp
        case .cancel(let mode): .cancel(mode)
        case .decide(let execution, let decision): .decide(execution, decision)
        }
    }
}

extension PostedCommand {
    /// Reads a command; nil for one that this release does not know.
    init?(json: JSONValue) {
        guard let id = json["id"]?.string, let name = json["command"]?.string,
            let postedAt = json["postedAt"]?.string.flatMap({ Timestamp($0) }),
            let action = Action(name, json)
        else { return nil }
        self.init(id: id, action, user: json["user"]?.string, postedAt: postedAt)
    }

    func json() -> JSONValue {
        var json: JSONValue = [
            "id": .string(id), "command": .string(action.name), "postedAt": .string(postedAt.description),
        ]
        json["user"] = user.map { .string($0) }
        switch action {
        case .cancel(let mode): json["mode"] = .string(mode.rawValue)
        case .decide(let execution, let decision):
            json["step"] = execution.map { .string($0.description) }
            switch decision {
            case .retry: json["decision"] = "retry"
            case .fail: json["decision"] = "fail"
            case .complete(let output):
                json["decision"] = "complete"
                json["output"] = output
            }
        default: break
        }
        return json
    }
}

extension PostedCommand.Action {
    /// As it is written.
    public var name: String {
        switch self {
        case .pause: "pause"
        case .resume: "resume"
        case .retry: "retry"
        case .retryCurrentStep: "retry-current-step"
        case .rollBack: "roll-back"
        case .markCleanedUp: "mark-cleaned-up"
        case .cancel: "cancel"
        case .decide: "decide"
        }
    }

    fileprivate init?(_ name: String, _ json: JSONValue) {
        switch name {
        case "pause": self = .pause
        case "resume": self = .resume
        case "retry": self = .retry
        case "retry-current-step": self = .retryCurrentStep
        case "roll-back": self = .rollBack
        case "mark-cleaned-up": self = .markCleanedUp
        case "cancel": self = .cancel(json["mode"]?.string.flatMap(CancelMode.init) ?? .graceful)
        case "decide":
            let decision: Decision
            switch json["decision"]?.string {
            case "retry": decision = .retry
            case "fail": decision = .fail
            case "complete": decision = .complete(output: json["output"] ?? .null)
            default: return nil
            }
            let step = json["step"]?.string
            let execution = step.flatMap { ExecutionID(parsing: $0) }
            guard step == nil || execution != nil else { return nil }
            self = .decide(execution, decision)
        default: return nil
        }
    }
}
