internal import JSON

/// The records that are not in a segment: what a document has to hold itself.
struct Unfolded: Sendable {
    private(set) var steps: Set<Int> = []
    private(set) var items: [Int: Set<Int>] = [:]
    /// The JSON texts of records that have not changed since they were made: steps without their elements, and elements.
    fileprivate var stepTexts: [Int: [UInt8]] = [:]
    fileprivate var itemTexts: [Int: [Int: [UInt8]]] = [:]

    /// A definition of no more steps is listed whole, so that people see all of it.
    static let listedWhole = 100

    init() {}

    /// Everything that says something; in a small process everything.
    init(everythingIn state: ProcessState) {
        let isSmall = state.steps.count <= Self.listedWhole
        for (position, step) in state.steps.enumerated() where isSmall || !step.isBlank {
            steps.insert(position)
            guard let states = step.items?.states else { continue }
            items[position] = Set(states.indices.filter { !states[$0].isBlank })
        }
    }

    mutating func insert(_ step: Int, _ item: Int?) {
        if let item {
            items[step, default: []].insert(item)
            itemTexts[step]?[item] = nil
        } else {
            steps.insert(step)
            stepTexts[step] = nil
        }
    }

    /// Takes out what is finished, in an order that is always the same.
    mutating func removeFinished(of state: ProcessState) -> [(step: Int, item: Int?)] {
        var finished: [(step: Int, item: Int?)] = []
        for (step, some) in items.sorted(by: { $0.key < $1.key }) {
            let states = state.steps[step].items?.states ?? []
            let done = some.filter { states[$0].isOver }.sorted()
            items[step]?.subtract(done)
            if items[step]?.isEmpty ?? false { items[step] = nil }
            finished += done.map { (step, $0) }
        }
        let done = steps.filter { state.steps[$0].isOver }.sorted()
        steps.subtract(done)
        return finished + done.map { ($0, nil) }
    }
}

extension StepState {
    /// Whether a reader would make the same of nothing. A step that is to run anew says under which keys.
    var isBlank: Bool {
        status == .pending && rerun == 0 && execution.key == nil && !hasUnknownEffect && compensation == nil
    }

    /// Whether something of it is stored apart.
    var hasParts: Bool { !parts.isEmpty }

    /// What is stored apart, with its values where they are known.
    var partValues: [(part: PartReference?, value: JSONValue?)] {
        [
            (outputPart, output), (compensation?.withPart, compensation?.with),
            (compensation?.recordedPart, compensation?.recorded),
        ]
    }

    var parts: [PartReference] { partValues.compactMap(\.part) }

    /// Whether nothing about it changes unless it is undone or run anew.
    fileprivate var isOver: Bool {
        guard status.isSettled else { return false }
        return compensation.map { $0.execution.status == .pending || $0.execution.status.isSettled } ?? true
    }

    /// The record without its elements, for a document.
    fileprivate var alone: StepState {
        var copy = self
        copy.items = nil
        if outputPart != nil { copy.output = nil }
        if compensation?.withPart != nil { copy.compensation?.with = nil }
        if compensation?.recordedPart != nil { copy.compensation?.recorded = nil }
        return copy
    }
}

/// A state as it is stored.
struct EncodedState: Sendable {
    let document: StoredDocument
    /// What the document refers to, by digest; to be stored before it.
    let parts: [(digest: String, bytes: [UInt8])]
}

extension ProcessMachine {
    /// A document that grows beyond this gives its finished records to a segment. The aim is 64 kB at most.
    static let foldingBytes = 48 << 10
    /// Definitions, inputs and outputs beyond this are stored apart.
    static let inlineBytes = 4 << 10
    /// How many segments the document itself lists at most.
    private static let listedSegments = 64
    /// How many records a segment has at most.
    private static let segmentRecords = 256

    /// Makes the document of the state, and the parts that it newly refers to.
    mutating func encode() -> EncodedState {
        var parts = newParts
        newParts = []
        var members = shell
        set("definition", plan.json, isLarge: plan.isLarge, &members, &state.definitionPart, &parts)
        if let input = state.input {
            set("input", input, isLarge: isInputLarge, &members, &state.inputPart, &parts)
        }
        if let outputs = state.outputs {
            let isLarge = outputs.serialized().count > Self.inlineBytes
            set("outputs", outputs, isLarge: isLarge, &members, &state.outputsPart, &parts)
        }
        listSegments(&members, &parts)
        var bytes = document(members)
        // Well below a limit that is small.
        if bytes.count > min(Self.foldingBytes, environment.limits.documentBytes / 4 * 3), fold(&parts) {
            listSegments(&members, &parts)
            bytes = document(members)
        }
        documentBytes = bytes.count
        return EncodedState(document: StoredDocument(bytes), parts: parts)
    }

    /// The text of the document: its members, and the open records last.
    private mutating func document(_ members: JSONValue) -> [UInt8] {
        var bytes = members.serialized()
        bytes.removeLast()
        bytes += #","steps":"#.utf8
        bytes += records(unfolded.steps, unfolded.items)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// What the document says of the process itself.
    private var shell: JSONValue {
        var members: [String: JSONValue] = [:]
        // As a buffer, because looking at a field in an array copies it.
        Self.shellFields.withUnsafeBufferPointer { fields in
            for index in fields.indices { members[fields[index].name] = fields[index].value(in: state) }
        }
        return .object(members)
    }

    private static let shellFields = ProcessState.fields.filter { field in
        !["definition", "steps", "input", "outputs", "segments", "segmentsPart"].contains(field.name)
    }

    /// Puts a value into the document, or beside it if it is large.
    private func set(
        _ name: String,
        _ value: JSONValue,
        isLarge: Bool,
        _ members: inout JSONValue,
        _ reference: inout PartReference?,
        _ parts: inout [(digest: String, bytes: [UInt8])]
    ) {
        if reference == nil {
            guard isLarge else {
                members[name] = value
                return
            }
            let bytes = value.serialized()
            reference = PartReference(of: bytes)
            parts.append((reference?.digest ?? "", bytes))
        }
        members[name] = nil
        members["\(name)Part"] = reference?.json()
    }

    private mutating func listSegments(
        _ members: inout JSONValue,
        _ parts: inout [(digest: String, bytes: [UInt8])]
    ) {
        if state.segments.count - segmentsInPart > Self.listedSegments {
            let bytes = state.segments.json().serialized()
            let reference = PartReference(of: bytes)
            parts.append((reference.digest, bytes))
            state.segmentsPart = reference
            segmentsInPart = state.segments.count
        }
        members["segmentsPart"] = state.segmentsPart?.json()
        members["segments"] = Array(state.segments.dropFirst(segmentsInPart)).json()
    }

    private mutating func fold(_ parts: inout [(digest: String, bytes: [UInt8])]) -> Bool {
        let finished = unfolded.removeFinished(of: state)
        for start in stride(from: 0, to: finished.count, by: Self.segmentRecords) {
            var steps: Set<Int> = []
            var items: [Int: Set<Int>] = [:]
            for (step, item) in finished[start..<min(start + Self.segmentRecords, finished.count)] {
                if let item { items[step, default: []].insert(item) } else { steps.insert(step) }
            }
            let bytes = records(steps, items)
            let reference = PartReference(of: bytes)
            state.segments.append(reference)
            parts.append((reference.digest, bytes))
        }
        for (step, item) in finished {
            if let item { unfolded.itemTexts[step]?[item] = nil } else { unfolded.stepTexts[step] = nil }
        }
        return !finished.isEmpty
    }

    /// Steps in their order, each with those of its elements that are wanted. An element whose step is not wanted comes in
    /// a record that says nothing else of the step.
    private mutating func records(_ steps: Set<Int>, _ items: [Int: Set<Int>]) -> [UInt8] {
        Self.list(steps.union(items.keys).sorted().map { text($0, isWhole: steps.contains($0), items[$0]) })
    }

    /// The text of a step's record with those of its elements that are wanted. Most are the same from one commit to the
    /// next.
    private mutating func text(_ position: Int, isWhole: Bool, _ items: Set<Int>?) -> [UInt8] {
        var text = isWhole ? stepText(position) : StepState(name: state.steps[position].name).json().serialized()
        guard let items else { return text }
        text.removeLast()
        text += #","items":"#.utf8
        text += Self.list(items.sorted().map { itemText(position, $0) })
        text.append(UInt8(ascii: "}"))
        return text
    }

    private mutating func stepText(_ position: Int) -> [UInt8] {
        if let text = unfolded.stepTexts[position] { return text }
        let text = state.steps[position].alone.json().serialized()
        unfolded.stepTexts[position] = text
        return text
    }

    private mutating func itemText(_ position: Int, _ item: Int) -> [UInt8] {
        if let text = unfolded.itemTexts[position]?[item] { return text }
        let text = state.steps[position].items?.states[item].alone.json().serialized() ?? []
        unfolded.itemTexts[position, default: [:]][item] = text
        return text
    }

    private static func list(_ texts: [[UInt8]]) -> [UInt8] {
        var list: [UInt8] = []
        list.reserveCapacity(texts.reduce(2) { $0 + $1.count + 1 })
        list.append(UInt8(ascii: "["))
        for text in texts {
            if list.count > 1 { list.append(UInt8(ascii: ",")) }
            list += text
        }
        list.append(UInt8(ascii: "]"))
        return list
    }

    /// Makes the next document hold everything itself.
    mutating func unfoldAll() {
        unfolded = Unfolded(everythingIn: state)
        state.segments = []
        state.segmentsPart = nil
        segmentsInPart = 0
    }

    /// Makes the next commit store every part anew, because the store has lost some.
    mutating func forgetParts() -> [(digest: String, bytes: [UInt8])] {
        unfoldAll()
        state.definitionPart = nil
        state.inputPart = nil
        state.outputsPart = nil
        var parts: [(digest: String, bytes: [UInt8])] = []
        for step in state.steps {
            for record in step.items?.states ?? [step] {
                for case (let part?, let value?) in record.partValues {
                    parts.append((part.digest, value.serialized()))
                }
            }
        }
        return parts
    }
}

extension PartReference {
    /// The reference to some bytes.
    init(of bytes: [UInt8]) { self.init(digest: Digest.sha256(bytes), bytes: bytes.count) }
}

extension ProcessState {
    /// Everything the document refers to.
    package var parts: [PartReference] {
        var parts = [definitionPart, inputPart, outputsPart, segmentsPart].compactMap(\.self) + segments
        for step in steps {
            for record in step.items?.states ?? [step] {
                parts += record.parts
            }
        }
        return parts
    }
}
