import FaultServer
import JSON
import Testing

/// Answers that end in the middle of a JSON value, at any byte. Each run takes every other place, by chance the odd ones or
/// the even ones, and the tests come one after the other, to leave the machine to those beside them.
@Suite(.serialized, .timeLimit(.minutes(4))) struct CutTests {
    /// Runs a test for every other place where a body of so many bytes can be cut, each with one of three ways to end.
    private func atEveryOtherByte(
        of count: Int,
        _ body: @escaping @Sendable (_ bytes: Int, _ ending: Fault.Ending) async throws -> Void
    ) async throws {
        let endings: [Fault.Ending] = [.close, .reset, .truncation]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, bytes) in stride(from: Int.random(in: 0...1), to: count, by: 2).enumerated() {
                if number >= 6 { try await group.next() }
                group.addTask { try await body(bytes, endings[number % endings.count]) }
            }
            try await group.waitForAll()
        }
    }

    @Test func `a list cut at any byte is made once more`() async throws {
        // {"apiVersion":…,"items":[{…}],…}: every byte of it is needed.
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        let size = server.listDocument().serialized().count
        #expect(size > 200)
        try await atEveryOtherByte(of: size) { bytes, ending in
            let server = try FaultyAPIServer(streamedLists: .refused)
            server.put("a", ["v": "1"])
            server.plan(.cut(afterBytes: bytes, ending), for: .lists)
            try await server.followed { follower in
                await follower.converge(with: server)
                #expect(follower.told == ["a=1"], "cut after \(bytes) bytes, \(ending)")
            }
            #expect(server.count(.lists) == 2, "cut after \(bytes) bytes, \(ending)")
        }
    }

    @Test func `a watch cut at any byte goes on where it was, and no event is lost or told twice`() async throws {
        let size = try eventBytes()
        #expect(size > 500)
        try await atEveryOtherByte(of: size) { bytes, ending in
            let server = try FaultyAPIServer(streamedLists: .refused)
            server.put("a", ["v": "1"])
            server.plan(.cut(afterBytes: bytes, ending), for: .plainWatches)
            try await server.followed { follower in
                await follower.converge(with: server)
                await server.awaitOpenWatches()
                server.put("b", ["v": "1"])
                server.put("b", ["v": "2"])
                server.delete("a")
                await follower.converge(with: server)
                #expect(follower.told == ["a=1", "b=1", "b=2", "-a"], "cut after \(bytes) bytes, \(ending)")
                // A cut behind the last event leaves nothing to wait for but the next watch.
                await server.await(2, .plainWatches)
            }
            #expect(server.relists == 1, "cut after \(bytes) bytes, \(ending)")
            #expect(server.count(.plainWatches) == 2, "cut after \(bytes) bytes, \(ending)")
        }
    }

    @Test func `a streamed list cut at any byte is complete in the end, and nothing is told that was not there`()
        async throws
    {
        let size = try eventBytes()
        try await atEveryOtherByte(of: size) { bytes, ending in
            let server = try FaultyAPIServer()
            server.put("a", ["v": "1"])
            server.plan(.cut(afterBytes: bytes, ending), for: .streamedLists)
            try await server.followed { follower in
                await follower.converge(with: server)
                server.put("b", ["v": "1"])
                await follower.converge(with: server)
                #expect(follower.told == ["a=1", "b=1"], "cut after \(bytes) bytes, \(ending)")
            }
            #expect(server.relists <= 2, "cut after \(bytes) bytes, \(ending)")
        }
    }

    /// Of the three events of the test above.
    private func eventBytes() throws -> Int {
        let server = try FaultyAPIServer()
        server.put("a", ["v": "1"])
        let lines = [
            WatchLine.added(server.put("b", ["v": "1"])), WatchLine.modified(server.put("b", ["v": "2"])),
            WatchLine.deleted(try #require(server.delete("a"))),
        ]
        return lines.reduce(0) { $0 + $1.serialized().count + 1 }
    }
}
