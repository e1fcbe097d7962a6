internal import JSON

/// Puts a state together from its document and what that refers to.
///
/// A document may have been written by hand, by an earlier release, or by a later one. It is checked whole before
/// anything is done with it; a fault names its path.
package struct StateReader {
    let processID: String
    /// Gets the bytes of a part; nil when it is gone.
    let part: (PartReference) async throws -> [UInt8]?

    /// - Parameter part: gets the bytes of a part as they are stored; nil when it is gone.
    package init(processID: String, part: @escaping (PartReference) async throws -> [UInt8]?) {
        self.processID = processID
        self.part = part
    }

    /// - Throws: `InvalidState`, and what `part` throws.
    package func read(_ document: StoredDocument) async throws -> ProcessState {
        var state = try Self.shell(document, of: processID)
        if let reference = state.definitionPart {
            let json = try await value(of: reference, "definitionPart")
            state.definition = try reading("definitionPart") { () throws(JSONDecodingError) in
                try WorkflowDefinition(json: json)
            }
        }
        if let reference = state.inputPart { state.input = try await value(of: reference, "inputPart") }
        if let reference = state.outputsPart { state.outputs = try await value(of: reference, "outputsPart") }
        if let reference = state.segmentsPart {
            let json = try await value(of: reference, "segmentsPart")
            let earlier = try reading("segmentsPart") { () throws(JSONDecodingError) in
                try [PartReference](json: json)
            }
            state.segments = earlier + state.segments
        }
        var records: [StepState] = []
        for (index, reference) in state.segments.enumerated() {
            let json = try await value(of: reference, "segments[\(index)]")
            records += try reading("segments[\(index)]") { () throws(JSONDecodingError) in try [StepState](json: json) }
        }
        state.steps = try Self.merge(records + state.steps, into: state.definition)
        try await loadOutputs(&state)
        return state
    }

    private func loadOutputs(_ state: inout ProcessState) async throws {
        for position in state.steps.indices {
            let path = "steps.\(state.steps[position].name)"
            try await loadParts(of: &state.steps[position], path)
            for item in state.steps[position].items?.states.indices ?? 0..<0 {
                guard var record = state.steps[position].items?.states[item], record.hasParts else { continue }
                try await loadParts(of: &record, "\(path).items[\(item)]")
                state.steps[position].items?.states[item] = record
            }
        }
    }

    private func loadParts(of record: inout StepState, _ path: String) async throws {
        if let reference = record.outputPart {
            record.output = try await value(of: reference, "\(path).outputPart")
        }
        if let reference = record.compensation?.withPart {
            record.compensation?.with = try await value(of: reference, "\(path).compensation.withPart")
        }
        if let reference = record.compensation?.recordedPart {
            record.compensation?.recorded = try await value(of: reference, "\(path).compensation.recordedPart")
        }
    }

    private func value(of reference: PartReference, _ path: String) async throws -> JSONValue {
        guard let stored = try await part(reference) else {
            throw InvalidState(faults: ["\(path): the part \(reference.digest) is gone from the store"])
        }
        let bytes: [UInt8]
        do {
            bytes = try StateEnvelope.unpack(part: stored, reference)
        } catch {
            throw InvalidState(faults: ["\(path): the part \(reference.digest) \(error)"])
        }
        guard Digest.sha256(bytes) == reference.digest else {
            throw InvalidState(faults: ["\(path): the part \(reference.digest) was changed"])
        }
        do { return try JSONValue(parsing: bytes) } catch { throw InvalidState(faults: ["\(path): \(error)"]) }
    }

    private func reading<Value>(
        _ path: String,
        _ read: () throws(JSONDecodingError) -> Value
    ) throws(InvalidState) -> Value {
        do { return try read() } catch { throw InvalidState(faults: [error.inside(path).description]) }
    }

    // MARK: The document

    private static let schema = ProcessState.schema

    /// The state without what lies elsewhere.
    package static func shell(_ document: StoredDocument, of processID: String) throws(InvalidState) -> ProcessState {
        var json: JSONValue
        do {
            json = try JSONValue(parsing: document.bytes)
        } catch {
            throw InvalidState(faults: ["\(error)"])
        }
        if let version = json["schemaVersion"]?.int, version > ProcessState.currentSchemaVersion {
            let fault =
                "schemaVersion: \(version) was written by a later release; this one reads up to "
                + "\(ProcessState.currentSchemaVersion)"
            throw InvalidState(faults: [fault], isFromLaterRelease: true)
        }
        json = try StateEnvelope.unwrap(json)
        StateMigration.migrate(&json)
        let violations = schema.violations(of: json) + itemViolations(json["steps"])
        guard violations.isEmpty else { throw InvalidState(faults: violations.prefix(5).map(\.description)) }
        let state: ProcessState
        do {
            state = try ProcessState(json: json)
        } catch {
            throw InvalidState(faults: [error.description])
        }
        var faults: [String] = []
        if state.processId != processID { faults.append("processId: is \(state.processId), expected \(processID)") }
        if state.status == .pending { faults.append("status: a stored process is never Pending") }
        if state.definitionPart == nil, state.definition.steps.isEmpty {
            faults.append("definition: there are no steps, and no definitionPart says where they are")
        }
        guard faults.isEmpty else { throw InvalidState(faults: faults) }
        return state
    }

    /// The schema of a step does not go down into its elements.
    private static func itemViolations(_ steps: JSONValue?) -> [JSONSchema.Violation] {
        guard case .array(let steps) = steps else { return [] }
        var violations: [JSONSchema.Violation] = []
        for (position, step) in steps.enumerated() {
            guard case .array(let items) = step["items"] else { continue }
            for (place, item) in items.enumerated() {
                violations += itemSchema.violations(of: item).map { $0.inside("steps[\(position)].items[\(place)]") }
            }
        }
        return violations
    }

    private static let itemSchema = StepState.schema

    /// One record for each step of the definition: the later of two wins, elements one by one.
    private static func merge(
        _ records: [StepState],
        into definition: WorkflowDefinition
    ) throws(InvalidState) -> [StepState] {
        var steps = definition.allSteps.map { StepState(name: $0.name) }
        let index = Dictionary(
            steps.enumerated().map { ($1.name, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        for record in records {
            guard let position = index[record.name] else {
                throw InvalidState(faults: ["steps: the definition has no step \"\(record.name)\""])
            }
            let former = steps[position].items
            // A record of elements alone says nothing of the step.
            if record.items == nil || record.status != .pending {
                steps[position] = record
                steps[position].items = former
            }
            for item in record.items?.states ?? [] {
                guard let place = item.item, (0..<ForEach.maximumItems).contains(place) else {
                    throw InvalidState(faults: ["steps.\(record.name).items: an element has no place in the list"])
                }
                var states = steps[position].items?.states ?? []
                while states.count <= place { states.append(StepState(item: states.count)) }
                states[place] = item
                steps[position].items = StepItems(states)
            }
        }
        for position in steps.indices { try complete(&steps[position]) }
        return steps
    }

    private static func complete(_ step: inout StepState) throws(InvalidState) {
        guard let count = step.itemCount else {
            guard step.items == nil else {
                throw InvalidState(faults: ["steps.\(step.name): has items, and no itemCount says how many there are"])
            }
            return
        }
        var states = step.items?.states ?? []
        guard states.count <= count, count <= ForEach.maximumItems else {
            throw InvalidState(faults: ["steps.\(step.name).itemCount: is \(count), which does not fit its items"])
        }
        while states.count < count { states.append(StepState(item: states.count)) }
        step.items = StepItems(states)
    }
}

/// Brings documents of earlier releases up to date.
enum StateMigration {
    static func migrate(_ document: inout JSONValue) {
        if document["schemaVersion"]?.int == 1 { toVersion2(&document) }
    }

    /// Version 1 counted delays down; version 2 has a clock, which begins at 0 for such a document.
    private static func toVersion2(_ document: inout JSONValue) {
        document["schemaVersion"] = 2
        document["clockMilliseconds"] = 0
        document["timeoutMilliseconds"] = document["remainingMilliseconds"] ?? 0
        guard case .array(let steps) = document["steps"] else { return }
        document["steps"] = .array(
            steps.map { step in
                var step = step
                if let delay = step["retryDelayMilliseconds"] {
                    step["dueAt"] = delay
                    step["retryDelayMilliseconds"] = nil
                }
                return step
            }
        )
    }
}
