import FaultServer
import KubeRuntime
import Testing

/// Changes and failures in an order that only chance would think of; the same for the same seed.
@Suite(.timeLimit(.minutes(4))) struct RandomFaultTests {
    private static let steps = 120

    @Test(arguments: SeededGenerator.seeds(or: 1...24))
    func `whatever goes wrong, in the end the store is what the server has`(
        seed: UInt64
    ) async throws {
        var chance = SeededGenerator(seed: seed)
        let server = try FaultyAPIServer(streamedLists: [.supported, .refused][Int(seed % 2)])
        server.configure(expiredWatch: Bool.random(using: &chance) ? .status : .event, ignoresLimitAtZero: false)
        var timing = ReflectorTiming.quick
        timing.watchSilence = .milliseconds(250)
        try await server.followed(timing: timing) { follower in
            for _ in 0..<Self.steps {
                change(server, &chance)
                if Int.random(in: 0..<3, using: &chance) == 0 { fail(server, &chance) }
                switch Int.random(in: 0..<8, using: &chance) {
                case 0:
                    server.heal()
                    try server.listen()
                    await follower.converge(with: server)
                case 1...3: try await Task.sleep(for: .milliseconds(Int64.random(in: 0...20, using: &chance)))
                default: break
                }
            }
            server.heal()
            try server.listen()
            await follower.converge(with: server)
        }
        #expect(server.requests.count < 5 * Self.steps, "TEST_SEED=\(seed)")
    }

    private func change(_ server: FaultyAPIServer, _ chance: inout SeededGenerator) {
        let name = ["a", "b", "c", "d", "e", "f"].randomElement(using: &chance) ?? "a"
        switch Int.random(in: 0..<10, using: &chance) {
        case 0...5: server.put(name, ["v": "\(server.version)"])
        case 6...7: server.delete(name)
        case 8:
            server.delete(name)
            server.put(name, ["v": "new \(server.version)"])
        default: server.skipVersions(UInt64.random(in: 1...100, using: &chance))
        }
    }

    private func fail(_ server: FaultyAPIServer, _ chance: inout SeededGenerator) {
        let bytes = Int.random(in: 0..<2000, using: &chance)
        let ending = Fault.Ending.allCases.randomElement(using: &chance) ?? .close
        switch Int.random(in: 0..<16, using: &chance) {
        case 0: server.endWatches()
        case 1: server.cutWatches()
        case 2: server.silenceWatches()
        case 3: server.cutConnections()
        case 4: server.refuse()
        case 5: server.compact()
        case 6:
            // What the watches miss here they are told by the error that follows.
            server.withholdingEvents { change(server, &chance) }
            server.compact()
            server.send(WatchLine.error(.expired))
            server.endWatches()
        case 7:
            server.send(WatchLine.error(.internalError))
            server.endWatches()
        case 8:
            // Everything once more, and in another order.
            for object in server.objects().shuffled(using: &chance) { server.send(WatchLine.modified(object)) }
        case 9: server.sendBookmark()
        case 10: server.plan(.cut(afterBytes: bytes, ending), for: .watches)
        case 11: server.plan(.cut(afterBytes: bytes, ending == .silence ? .reset : ending), for: .lists)
        case 12: server.plan(.answer(.internalError), for: .any, times: Int.random(in: 1...3, using: &chance))
        case 13: server.plan(.answer(.expired), for: .any)
        case 14: server.plan(.answer(.tooManyRequests(retryAfter: nil)), for: .any)
        default: server.plan(.answer(.tooLargeResourceVersion(retryAfter: 0)), for: .lists)
        }
    }
}
