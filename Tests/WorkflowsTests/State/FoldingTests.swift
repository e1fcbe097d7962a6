import JSON
import Testing

@testable import Workflows

@Suite(.timeLimit(.minutes(4))) struct FoldingTests {
    private let large = JSONValue.string(String(repeating: "x", count: 9_000))

    private func read(_ machine: MachineDriver) async throws -> ProcessState {
        try await machine.machine.storedAndRead().state
    }

    // MARK: Round trips

    @Test func `a small process is one document that shows every step`() async throws {
        var process = MachineDriver(workflow([step("a"), list("l(a)", [1, 2]), step("b(l)")]))
        process.begin()
        let encoded = process.encode()
        #expect(encoded.parts.isEmpty)
        let json = try JSONValue(parsing: encoded.document.bytes)
        #expect(json["steps"]?[0]?["name"] == "a")
        #expect(json["steps"]?[2]?["name"] == "b")
        #expect(json["definition"]?["steps"]?[1]?["name"] == "l")
        _ = try await read(process)
    }

    @Test func `large definitions, inputs, outputs and results lie beside the document, and are stored once`()
        async throws
    {
        let first = step("a", with: ["text": large])
        var process = MachineDriver(
            workflow([first, step("b(a)")], outputs: ["all": "${{ steps.a.outputs }}"]),
            input: ["text": large]
        )
        process.begin()
        let begun = process.encode()
        #expect(begun.parts.count == 2)
        #expect(begun.document.bytes.count < 4_000)
        #expect(process.encode().parts.isEmpty)
        process.succeed("a", large)
        #expect(process.encode().parts.count == 1)
        process.succeed("b")
        let ended = process.encode()
        #expect(ended.parts.count == 1)
        #expect(ended.document.bytes.count < 4_000)
        #expect(process.state.parts.count == 4)
        #expect(try await read(process).outputs == ["all": large])
    }

    @Test func `elements are read back in their places, those that have not begun as well`() async throws {
        var process = MachineDriver(workflow([list("l", .array(Array(repeating: 1, count: 50)))]), limits: .parallel(3))
        process.begin()
        process.succeed("l[1]", "one")
        let state = try await read(process)
        #expect(state.steps[0].items?.states.count == 50)
        #expect(state.steps[0].items?.states[1].output == "one")
        #expect(state.steps[0].items?.states[49] == StepState(item: 49))
    }

    @Test func `what was folded and has changed since is read as it is now`() async throws {
        let steps =
            (0..<400).map { number in undoable(number == 0 ? "s0" : "s\(number)(s\(number - 1))") } + [
                step("end(s399)")
            ]
        var process = MachineDriver(workflow(steps), onFailure: .rollback)
        process.begin()
        for number in 0..<400 {
            process.succeed("s\(number)", .string(String(repeating: "y", count: 100)))
            if number % 10 == 0 { _ = process.encode() }
        }
        #expect(!process.state.segments.isEmpty)
        process.fail("end", .broken)
        for number in (300..<400).reversed() { process.succeed("s\(number)/compensate") }
        let state = try await read(process)
        #expect(state.steps[399].compensation?.execution.status == .completed)
        #expect(state.steps[0].compensation?.execution.status == .pending)
    }

    // MARK: Sizes

    @Test func `the document of ten thousand steps stays below 64 kB`() async throws {
        let steps = (0..<10_000).map { step($0 == 0 ? "s0" : "s\($0)(s\($0 - 1))") }
        var process = QuietDriver(workflow(steps))
        var largest = process.commit(.begin)
        for number in 0..<10_000 {
            // A commit takes several results at once.
            if number % 100 == 0 { await Task.yield() }
            let isCommitted = number % 20 == 0
            let output: JSONValue = ["number": .int(Int64(number))]
            largest = max(largest, process.succeed(ExecutionID("s\(number)"), output, isCommitted: isCommitted))
        }
        #expect(process.machine.state.status == .completed)
        #expect(largest < 64 << 10, "\(largest)")
        #expect(try await process.machine.storedAndRead().state.steps[5_000].output == ["number": 5_000])
    }

    @Test func `the document of two thousand elements stays below 64 kB`() async throws {
        let items = JSONValue.array((0..<2_000).map { .int($0) })
        var process = QuietDriver(workflow([list("l", items, with: ["n": "${{ item }}"]), step("b(l)")]))
        var largest = process.commit(.begin)
        for number in 0..<2_000 {
            if number % 100 == 0 { await Task.yield() }
            let id = ExecutionID("l", item: number)
            largest = max(largest, process.succeed(id, "done", isCommitted: number % 8 == 0))
        }
        #expect(process.machine.state.steps[0].status == .completed)
        #expect(largest < 64 << 10, "\(largest)")
        _ = try await process.machine.storedAndRead()
    }

    @Test func `many segments do not make the document grow either`() async throws {
        let steps = (0..<1_000).map { step($0 == 0 ? "s0" : "s\($0)(s\($0 - 1))") }
        var process = QuietDriver(workflow(steps))
        _ = process.commit(.begin)
        let output = JSONValue.string(String(repeating: "x", count: 4_000))
        for number in 0..<1_000 {
            if number % 100 == 0 { await Task.yield() }
            _ = process.succeed(ExecutionID("s\(number)"), output)
        }
        #expect(process.machine.state.status == .completed)
        var machine = process.machine
        let document = try JSONValue(parsing: machine.encode().document.bytes)
        #expect(machine.state.segments.count > 64)
        #expect((document["segments"]?.array?.count ?? 0) <= 64)
        _ = try await process.machine.storedAndRead()
    }

    // MARK: By hand

    @Test func `a repair by hand is read, whatever its layout`() async throws {
        var process = MachineDriver(workflow("a", "b(a)"))
        process.begin()
        var edited = process.state
        edited.steps[0].status = .completed
        edited.steps[0].output = "by hand"
        // As an editor writes it, with the newline at its end.
        let bytes = edited.json().serialized(pretty: true) + [UInt8(ascii: "\n")]
        let reader = StateReader(processID: "p1") { _ in nil }
        #expect(try await reader.read(StoredDocument(bytes)) == edited)
    }

    @Test func `a step that is left out by hand has not begun`() async throws {
        var process = MachineDriver(workflow("a", "b(a)"))
        process.begin()
        process.succeed("a")
        let state = try await read(json(process) { $0["steps"] = [["name": "a", "status": "Completed"]] })
        #expect(state.steps.map(\.status) == [.completed, .pending])
    }

    private func json(_ process: MachineDriver, _ change: (inout JSONValue) -> Void) throws -> JSONValue {
        var machine = process.machine
        let encoded = machine.encode()
        PartShelf.shared.put(encoded.parts)
        var json = try JSONValue(parsing: encoded.document.bytes)
        change(&json)
        return json
    }

    private func read(_ json: JSONValue) async throws -> ProcessState {
        try await StateReader(processID: "p1") { PartShelf.shared[$0.digest] }.read(StoredDocument(json.serialized()))
    }

    private func faults(_ json: JSONValue) async throws -> [String] {
        do {
            _ = try await read(json)
            return []
        } catch let error as InvalidState {
            #expect(error.description.hasPrefix("Invalid state: "))
            return error.faults
        }
    }

    @Test func `every fault of a document names its path`() async throws {
        var process = MachineDriver(
            workflow([step("a", with: ["text": large]), list("l", [1, 2])]),
            input: ["text": large]
        )
        process.begin()
        let cases: [(String, (inout JSONValue) -> Void)] = [
            ("status: ", { $0["status"] = "Dreaming" }),
            ("status: a stored process is never Pending", { $0["status"] = "Pending" }),
            ("processId: is q, expected p1", { $0["processId"] = "q" }),
            ("processId: is required", { $0["processId"] = nil }),
            ("epoch: ", { $0["epoch"] = 0 }), ("version: ", { $0["version"] = "many" }),
            ("completionPercentage: ", { $0["completionPercentage"] = 101 }),
            ("clockMilliseconds: ", { $0["clockMilliseconds"] = .int(.max) }),
            ("remainingMilliseconds: ", { $0["remainingMilliseconds"] = -1 }),
            ("timeoutMilliseconds: ", { $0["timeoutMilliseconds"] = .int(.max) }),
            ("sequence: ", { $0["sequence"] = .int(.max) }), ("startTime: ", { $0["startTime"] = "yesterday" }),
            ("steps[0].status: ", { $0["steps"] = [["name": "a", "status": "Gone"]] }),
            ("steps[0].attempt: ", { $0["steps"] = [["name": "a", "status": "Waiting", "attempt": .int(.max)]] }),
            ("steps: the definition has no step \"z\"", { $0["steps"] = [["name": "z", "status": "Completed"]] }),
            ("steps: ", { $0["steps"] = "none" }), ("steps: is required", { $0["steps"] = nil }),
            (
                "steps[0].items[0].attempt: ",
                {
                    $0["steps"] = [
                        [
                            "name": "l", "status": "Started", "itemCount": 2,
                            "items": [["item": 0, "status": "Waiting", "attempt": .int(.max)]],
                        ]
                    ]
                }
            ),
            (
                "steps.l.items: an element has no place",
                {
                    $0["steps"] = [
                        ["name": "l", "status": "Started", "itemCount": 2, "items": [["status": "Started"]]]
                    ]
                }
            ),
            (
                "steps.l: has items, and no itemCount",
                { $0["steps"] = [["name": "l", "status": "Started", "items": [["item": 0, "status": "Started"]]]] }
            ),
            (
                "steps.l.itemCount: is 1",
                {
                    $0["steps"] = [
                        [
                            "name": "l", "status": "Started", "itemCount": 1,
                            "items": [["item": 4, "status": "Started"]],
                        ]
                    ]
                }
            ),
            (
                "steps.l.itemCount: is 99999",
                { $0["steps"] = [["name": "l", "status": "Started", "itemCount": 99_999]] }
            ),
            ("definition: there are no steps", { $0["definitionPart"] = nil }),
            ("definitionPart: the part 00 is gone", { $0["definitionPart"] = ["digest": "00", "bytes": 1] }),
            ("definitionPart.digest: ", { $0["definitionPart"] = ["digest": "", "bytes": 1] }),
            ("inputPart: the part 00 is gone", { $0["inputPart"] = ["digest": "00", "bytes": 1] }),
            ("segments[0]: the part 00 is gone", { $0["segments"] = [["digest": "00", "bytes": 1]] }),
            (
                "steps.a.outputPart: the part 00 is gone",
                {
                    $0["steps"] = [["name": "a", "status": "Completed", "outputPart": ["digest": "00", "bytes": 1]]]
                }
            ),
            ("retry.backoff.duration: ", { $0["retry"] = ["limit": 1, "backoff": ["duration": "soon"]] }),
            ("ending.endsAt: ", { $0["ending"] = ["status": "Failed", "endsAt": .int(.max)] }),
            ("locks[0].limit: ", { $0["locks"] = [["lock": "x", "limit": 0]] }),
        ]
        for (fault, change) in cases {
            let found = try await faults(try json(process, change))
            #expect(found.contains { $0.hasPrefix(fault) }, "\(fault): \(found)")
        }
    }

    @Test func `what is no document at all is refused with a reason`() async throws {
        for text in [
            "", "null", "[]", "42", "{", "\u{FEFF}{}", "{\"schemaVersion\":", String(repeating: "[", count: 100_000),
        ] {
            let reader = StateReader(processID: "p1") { _ in nil }
            let error = await #expect(throws: InvalidState.self) {
                try await reader.read(StoredDocument(Array(text.utf8)))
            }
            #expect(error?.faults.first?.isEmpty == false)
        }
    }

    @Test func `a part that was changed is refused`() async throws {
        var process = MachineDriver(workflow("a"), input: ["text": large])
        process.begin()
        let encoded = process.encode()
        let reader = StateReader(processID: "p1") { _ in Array("{}".utf8) }
        let error = await #expect(throws: InvalidState.self) { try await reader.read(encoded.document) }
        #expect(error?.faults.first?.hasPrefix("inputPart: the part ") == true)
        #expect(error?.faults.first?.hasSuffix(" was changed") == true)
    }

    @Test func `a document of a later release is refused as such`() async throws {
        var process = MachineDriver(workflow("a"))
        process.begin()
        let later = try json(process) {
            $0["schemaVersion"] = 3
            $0["status"] = "Dreaming"
        }
        let error = await #expect(throws: InvalidState.self) { try await read(later) }
        #expect(error?.isFromLaterRelease == true)
        #expect(error?.description.contains("later release") == true)
    }

    @Test func `no single change of a document makes anything crash`() async throws {
        var process = MachineDriver(
            workflow(
                [
                    undoable("a", action: "repeat"), list("l", [1, 2]) { $0.locks = [LockReference("x")] },
                    step("b(a,l)"),
                ],
                finally: [step("f")]
            ),
            onFailure: .rollback
        )
        process.begin()
        process.apply(.acquired(ExecutionID("l", item: 0)))
        process.succeed("l[0]")
        process.fail("a", .hiccup)
        let values: [JSONValue] = [
            .null, true, -1, 0, 7, .int(.max), .int(.min), 1.5, "", "Started", "Failed", "Completed", [], [1], [:],
            ["a": 1],
        ]
        let document = try json(process) { _ in }
        var changed = 0
        for path in document.paths {
            await Task.yield()
            for value in values {
                guard let state = try? await read(document.replacing(path, with: value)) else { continue }
                changed += 1
                // What is read can be gone on with; what it comes to is another matter.
                var other = QuietDriver(state)
                _ = other.commit(.recover)
                _ = other.commit(.tick, after: .seconds(100))
                _ = other.commit(.command(.retryCurrentStep))
                _ = other.commit(.command(.cancel(.graceful)))
                _ = other.commit(.tick, after: .seconds(100))
                _ = other.commit(.command(.retry))
            }
        }
        #expect(changed > 100)
    }

    // MARK: Earlier releases

    @Test func `a document of version 1 is migrated`() async throws {
        let document: JSONValue = [
            "schemaVersion": 1, "version": 7, "epoch": 2, "processId": "p1", "name": "test", "status": "Running",
            "remainingMilliseconds": 60_000, "retry": ["limit": 3],
            "definition": [
                "name": "inline",
                "steps": [
                    ["name": "a", "action": "work"], ["name": "b", "action": "work"], ["name": "c", "action": "work"],
                    ["name": "d", "action": "work", "needs": ["a"]],
                ],
            ],
            "steps": [
                ["name": "a", "status": "Completed", "attempt": 1, "key": "k", "output": 1],
                ["name": "b", "status": "Waiting", "attempt": 1, "key": "k2", "retryDelayMilliseconds": 3_000],
                ["name": "c", "status": "Waiting", "attempt": 1, "key": "k3"], ["name": "d", "status": "Pending"],
            ],
        ]
        let state = try await read(document)
        #expect(state.schemaVersion == 2)
        #expect(state.timeoutMilliseconds == 60_000)
        var process = MachineDriver(state)
        #expect(process.apply(.recover).runs == ["c", "d"])
        let again = process.wait(.seconds(3)).requests
        #expect(again.map(\.id.description) == ["b"])
        #expect(again.map(\.key) == ["k2"])
    }
}

/// A machine that is committed after every event, and checked by nothing: for large processes.
private struct QuietDriver {
    private(set) var machine: ProcessMachine

    init(_ definition: WorkflowDefinition) { self.init(MachineDriver(definition).state) }

    init(_ state: ProcessState) { machine = MachineDriver(state).machine }

    /// - Returns: the size of the document.
    mutating func commit(_ event: ProcessEvent, after elapsed: Duration = .zero, isCommitted: Bool = true) -> Int {
        _ = machine.apply(event, at: Moment(time: Timestamp(seconds: 1_000), elapsed: elapsed))
        guard isCommitted else { return 0 }
        let encoded = machine.encode()
        PartShelf.shared.put(encoded.parts)
        return encoded.document.bytes.count
    }

    mutating func succeed(_ id: ExecutionID, _ output: JSONValue, isCommitted: Bool = true) -> Int {
        commit(.succeeded(id, start: machine.execution(id).start, output: output), isCommitted: isCommitted)
    }
}

extension JSONValue {
    fileprivate enum Place {
        case member(String)
        case element(Int)
    }

    /// Every value in it, by the way to it.
    fileprivate var paths: [[Place]] {
        switch self {
        case .object(let members):
            return members.keys.sorted().flatMap { key in
                [[.member(key)]] + (members[key]?.paths ?? []).map { [.member(key)] + $0 }
            }
        case .array(let elements):
            return elements.indices.flatMap { index in
                [[.element(index)]] + elements[index].paths.map { [.element(index)] + $0 }
            }
        default: return []
        }
    }

    fileprivate func replacing(_ path: [Place], with value: JSONValue) -> JSONValue {
        guard let first = path.first else { return value }
        let rest = Array(path.dropFirst())
        switch (self, first) {
        case (.object(var members), .member(let key)):
            members[key] = members[key]?.replacing(rest, with: value)
            return .object(members)
        case (.array(var elements), .element(let index)):
            elements[index] = elements[index].replacing(rest, with: value)
            return .array(elements)
        default: return self
        }
    }
}
