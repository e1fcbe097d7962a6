internal import JSON

/// A stored document that cannot be used.
public struct InvalidState: Error, Sendable, CustomStringConvertible {
    /// The stable text that a failed process shows.
    public static let summary = "Invalid state"

    /// Every fault, with its path.
    public let faults: [String]
    /// Whether the document is sound for all this release knows, and only too new for it.
    public var isFromLaterRelease = false

    /// "Invalid state: steps[1].status: …"
    public var description: String { "\(Self.summary): \(faults.joined(separator: "; "))" }
}

extension StateDocument {
    /// The document of a state.
    public init(_ state: ProcessState) { self.init(state.json().serialized()) }

    /// Reads and validates the document. Blanks around it are tolerated: people store documents by hand.
    public func state(of processID: String) throws(InvalidState) -> ProcessState {
        let document: JSONValue
        do {
            document = try JSONValue(parsing: bytes)
        } catch {
            throw InvalidState(faults: ["\(error)"])
        }
        if let version = document["schemaVersion"]?.int, version > ProcessState.currentSchemaVersion {
            let fault =
                "schemaVersion: \(version) was written by a later release; this one reads up to "
                + "\(ProcessState.currentSchemaVersion)"
            throw InvalidState(faults: [fault], isFromLaterRelease: true)
        }
        let violations = ProcessState.validationSchema.violations(of: document)
        guard violations.isEmpty else { throw InvalidState(faults: violations.prefix(5).map(\.description)) }
        let state: ProcessState
        do {
            state = try ProcessState(json: document)
        } catch {
            throw InvalidState(faults: [error.description])
        }
        try state.checkConsistency(processID: processID)
        return state
    }
}

extension ProcessState {
    static let validationSchema = schema

    /// What the schema cannot express.
    fileprivate func checkConsistency(processID: String) throws(InvalidState) {
        var faults: [String] = []
        if processId != processID { faults.append("processId: is \(processId), expected \(processID)") }
        if steps.map(\.name) != definition.steps.map(\.name) {
            faults.append("steps: the names are not those of definition.steps")
        }
        if status == .pending { faults.append("status: a stored process is never Pending") }
        guard faults.isEmpty else { throw InvalidState(faults: faults) }
    }
}
