import JSON
import Synchronization
import Testing

@testable import Workflows

@Suite(.timeLimit(.minutes(2))) struct CompressionTests {
    private let large = JSONValue.string(String(repeating: "Honolulu ", count: 2_000))

    /// A state whose document is larger than what is stored as it is.
    private func process() -> MachineDriver {
        var process = MachineDriver(workflow((0..<40).map { step("step\($0)") }), limits: .parallel(40))
        process.begin()
        for number in 0..<20 { process.succeed("step\(number)", .string("output of step \(number)")) }
        return process
    }

    private func envelope(_ change: (inout JSONValue) -> Void = { _ in }) throws -> StoredDocument {
        var process = process()
        let wrapped = StateEnvelope.wrap(process.encode().document, of: process.state)
        var json = try JSONValue(parsing: wrapped.bytes)
        change(&json)
        return StoredDocument(json.serialized())
    }

    private func faults(_ document: StoredDocument) async throws -> [String] {
        do {
            _ = try await StateReader(processID: "p1") { PartShelf.shared[$0.digest] }.read(document)
            return []
        } catch let error as InvalidState {
            return error.faults
        }
    }

    // MARK: Documents

    @Test func `a compressed state is JSON that shows what people look for, and reads as the state`() async throws {
        var process = process()
        let plain = process.encode().document
        let wrapped = StateEnvelope.wrap(plain, of: process.state)
        #expect(wrapped.bytes.count < plain.bytes.count / 2)
        let json = try JSONValue(parsing: wrapped.bytes)
        #expect(
            Set(json.object?.keys ?? [:].keys) == [
                "bytes", "commitId", "currentStep", "encoding", "epoch", "name", "namespace", "payload", "processId",
                "schemaVersion", "status", "version",
            ]
        )
        #expect(json["status"] == "Running")
        #expect(json["processId"] == "p1")
        let state = try await StateReader(processID: "p1") { PartShelf.shared[$0.digest] }.read(wrapped)
        #expect(state == process.state)
    }

    @Test func `a small state stays plain`() {
        var process = MachineDriver(workflow("a"))
        process.begin()
        let plain = process.encode().document
        #expect(StateEnvelope.wrap(plain, of: process.state) == plain)
    }

    @Test func `a plain field edited by hand makes the state invalid by its name`() async throws {
        for (name, value) in [
            ("status", "Completed"), ("version", 7), ("epoch", 9), ("currentStep", nil), ("name", "other"),
        ] as [(String, JSONValue?)] {
            let faults = try await faults(envelope { $0[name] = value })
            #expect(faults.count == 1)
            #expect(faults.first?.hasPrefix("\(name): is ") == true, "\(faults)")
        }
        #expect(try await faults(envelope { $0["errorMessage"] = "x" }).first?.hasPrefix("errorMessage: ") == true)
    }

    @Test func `a damaged payload makes the state invalid`() async throws {
        let cases: [(String, (inout JSONValue) -> Void)] = [
            ("payload: is not base64", { $0["payload"] = "?" }),
            ("payload: is not base64", { $0["payload"] = nil }),
            ("payload: is not what gzip writes", { $0["payload"] = "AAAA" }),
            ("payload: ends too early", { $0["payload"] = .string(String($0["payload"]?.string?.prefix(400) ?? "")) }),
            (
                "payload: goes on after its end",
                { json in
                    let bytes = json["payload"]?.string.flatMap { [UInt8](base64: $0) } ?? []
                    json["payload"] = .string((bytes + [0]).base64)
                }
            ),
            ("payload: ", { $0["payload"] = .string(Gzip.compress(Array("{broken".utf8)).base64) }),
            ("encoding: ", { $0["encoding"] = "zstd" }),
        ]
        for (text, change) in cases {
            let faults = try await faults(envelope(change))
            #expect(faults.first?.hasPrefix(text) == true, "\(text): \(faults)")
        }
    }

    @Test func `a payload that holds more than it says is refused before it fills the memory`() async throws {
        // 64 MB of blanks in 64 kB.
        let bomb = Gzip.compress([UInt8](repeating: 0x20, count: 64 << 20))
        #expect(bomb.count < 100_000)
        let document = try envelope { $0["payload"] = .string(bomb.base64) }
        #expect(try await faults(document).first?.contains("holds more than") == true)
        let honest = try envelope {
            $0["payload"] = .string(Gzip.compress([UInt8](repeating: 0x20, count: 65 << 20)).base64)
            $0["bytes"] = .int(1 << 40)
        }
        #expect(try await faults(honest).first?.contains("holds more than the 67108864 bytes") == true)
    }

    @Test func `a compressed state of a later release is refused as such`() async throws {
        let document = try envelope {
            $0["schemaVersion"] = 99
            $0["encoding"] = "zstd"
        }
        let error = await #expect(throws: InvalidState.self) {
            try await StateReader(processID: "p1") { _ in nil }.read(document)
        }
        #expect(error?.isFromLaterRelease == true)
    }

    @Test func `what is compressed is what was there, whatever the bytes`() throws {
        var random = SplitMix(state: 7)
        for size in [0, 1, 2, 3, 4, 100, 16_384, 100_000] {
            let bytes = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let compressed = Gzip.compress(bytes)
            #expect(Gzip.isCompressed(compressed))
            #expect(try Gzip.decompress(compressed, limit: size) == bytes)
            #expect([UInt8](base64: bytes.base64) == bytes)
        }
        for text in ["A", "AA", "AAA", "AA=A", "A===", "AAAA=", " AAA", "AAA ", "AA\nA", "AA-A"] {
            #expect([UInt8](base64: text) == nil, "\(text)")
        }
        #expect([UInt8](base64: "") == [])
        #expect(Array("Honua".utf8).base64 == "SG9udWE=")
    }

    // MARK: In the engine

    private func run(_ store: InMemoryDocumentStore, compresses: Bool, _ mode: RunMode) async throws -> RunSnapshot {
        var configuration = EngineConfiguration.quiet
        configuration.compressesState = compresses
        let large = large
        let probe = Probe { _, _ in large }
        var end: RunSnapshot?
        try await EngineDriver.with([probe], store: store, configuration: configuration) { driver async throws in
            driver.engine.submit(.row("p", "a", "b", "c"), mode: mode)
            end = try await driver.end()
        }
        return try #require(end)
    }

    @Test func `states and parts are read whether they are compressed or not`() async throws {
        for compresses in [true, false] {
            let store = InMemoryDocumentStore()
            #expect(try await run(store, compresses: compresses, .begin).state?.status == .completed)
            let state = try await store.state(of: "p")
            #expect(state.steps.map(\.output) == [large, large, large])
            let part = try #require(state.parts.first)
            let stored = try #require(store.load(.part(processID: "p", digest: part.digest)))
            #expect(Gzip.isCompressed(stored.bytes) == compresses)
            #expect(PartContent.digest(of: stored.bytes) == part.digest)
            // By an engine that is set the other way.
            let again = try await run(store, compresses: !compresses, .reopen(.markCleanedUp, knownEpoch: 1))
            #expect(again.state?.cleanedUp == true)
        }
    }

    @Test func `a process whose state is compressed goes on where it was`() async throws {
        let store = InMemoryDocumentStore()
        var process = process()
        let encoded = process.encode()
        let wrapped = StateEnvelope.wrap(encoded.document, of: process.state)
        #expect(store.create(.state(processID: "p1"), wrapped, timeToLive: .seconds(600)) == .committed)
        let work = Probe("work", isIdempotent: true)
        var configuration = EngineConfiguration.quiet
        configuration.compressesState = true
        try await EngineDriver.with([work], store: store, configuration: configuration) { driver async throws in
            let request = ProcessRequest.of(process.state.definition, id: "p1")
            driver.engine.submit(request, mode: .recover(knownEpoch: 1))
            #expect(try await driver.end("p1").state?.status == .completed)
            #expect(work.steps.count == 20)
        }
    }

    // MARK: Size

    @Test func `a document beyond its limit ends the process, and nothing is cut off`() async throws {
        var limits = ProcessLimits.parallel(1)
        limits.documentBytes = 16 << 10
        var process = MachineDriver(
            workflow((0..<20).map { undoable($0 == 0 ? "s0" : "s\($0)(s\($0 - 1))") }),
            onFailure: .rollback,
            limits: limits
        )
        process.begin()
        var number = 0
        while process.state.ending == nil, number < 20 {
            // Nothing of this can lie elsewhere.
            for index in 0..<40 {
                let resource = "resource-\(number)-\(index)-\(String(repeating: "r", count: 60))"
                process.apply(.recorded(resource: resource))
            }
            _ = process.encode()
            process.succeed("s\(number)")
            number += 1
        }
        let message = try #require(process.state.ending?.errorMessage)
        #expect(message.hasPrefix("State too large: the state document measures 1"))
        #expect(message.hasSuffix("more than the 16 KiB that MaxStateSizeKB allows"))
        #expect(process.state.createdResources.count == 40 * number)
        for done in (0..<number).reversed() { process.succeed("s\(done)/compensate") }
        #expect(process.status == .failed)
        #expect(process.state.errorMessage == message)
        #expect(try await process.machine.storedAndRead().state.createdResources.count == 40 * number)
    }

    @Test func `finished records are folded before a small limit is reached`() throws {
        var limits = ProcessLimits.parallel(1)
        limits.documentBytes = 16 << 10
        var process = MachineDriver(
            workflow((0..<60).map { step($0 == 0 ? "s0" : "s\($0)(s\($0 - 1))") }),
            limits: limits
        )
        process.begin()
        for number in 0..<60 {
            process.succeed("s\(number)", .string(String(repeating: "y", count: 1_000)))
            _ = process.encode()
        }
        #expect(process.status == .completed)
    }
}
