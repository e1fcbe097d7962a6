import Foundation
import JSON
import RedisClient
import Stores
import TestEnvironment
import Testing

@testable import Workflows

@Suite(.timeLimit(.minutes(4))) struct ArchiveTests {
    private let keyspace = RedisKeyspace()
    private let week = Duration.seconds(7 * 86400)

    private func importer(
        _ redis: RedisDriver,
        _ keyspace: RedisKeyspace = RedisKeyspace(),
        _ change: (inout StateImport.Options) -> Void = { _ in }
    ) -> StateImport {
        var options = StateImport.Options()
        change(&options)
        return StateImport(client: redis.client, keyspace: keyspace, defaultTimeToLive: week, options: options)
    }

    /// An archive of two processes, a memo and a history, and the server it was made from.
    private func withArchive(
        _ body: (_ redis: RedisDriver, _ path: String, _ directory: URL) async throws -> Void
    ) async throws {
        try await RedisDriver.with { redis in
            try await withTemporaryDirectory { directory in
                for id in ["p", "q"] { try await redis.run(id) }
                try await redis.send("SET", "honua:process-memo:default:m", #"{"output":1}"#, "PX", "500000")
                var entry = HistoryEntry()
                entry.processId = "p"
                entry.endTime = .now
                try await RedisProcessHistory(client: redis.client).record(entry)
                let path = directory.appendingPathComponent("state.honua").path
                let report = try await StateExport(client: redis.client, keyspace: keyspace).run(to: path)
                #expect(report.counts == [.state: 2, .part: 4, .memo: 1, .history: 1])
                #expect(report.warnings == [])
                try await body(redis, path, directory)
            }
        }
    }

    private func lines(_ path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private func write(_ lines: [String], _ path: String) throws {
        try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: false, encoding: .utf8)
    }

    /// With a trailer that fits.
    private func sealed(_ lines: [String]) -> [String] {
        let body = lines.dropLast()
        let digest = Digest.sha256(Array((body.joined(separator: "\n") + "\n").utf8))
        return body + [#"{"count":\#(body.count - 1),"sha256":"\#(digest)"}"#]
    }

    // MARK: There and back

    @Test func `what is exported and imported has the same bytes and the same time to live`() async throws {
        try await withArchive { redis, path, _ async throws in
            let values = try await redis.values()
            var timesToLive: [String: Int64] = [:]
            for key in try await redis.keys() { timesToLive[key] = try await redis.timeToLive(key) }
            try await redis.send("FLUSHALL")
            let report = try await importer(redis).run(from: path)
            #expect(report.restored == [.state: 2, .part: 4, .memo: 1, .history: 1])
            #expect(report.isComplete)
            #expect(try await redis.values() == values)
            for (key, before) in timesToLive {
                let after = try await redis.timeToLive(key)
                #expect(after > 0 && abs(after - before) < 120_000, "\(key): \(before), \(after)")
            }
            #expect(try await RedisProcessHistory(client: redis.client).entries(HistoryQuery()).count == 1)
            #expect(try await !StateVerification.server(redis.client, keyspace).hasFaults)
        }
    }

    @Test func `parts are there before the states that refer to them`() async throws {
        try await withArchive { redis, path, _ async throws in
            try await redis.send("FLUSHALL")
            try await redis.send("CONFIG", "SET", "slowlog-log-slower-than", "0")
            _ = try await importer(redis).run(from: path)
            // The latest command first; of each its fourth field has the words.
            let log = try await redis.send("SLOWLOG", "GET", "100").array ?? []
            let words = log.reversed().compactMap { $0.array?[3].array?.compactMap(\.text) }
            let restored = words.filter { $0.first?.uppercased() == "RESTORE" }.map { $0[1] }
            #expect(restored.count == 8)
            #expect(restored.suffix(2).sorted() == ["honua:process:p", "honua:process:q"])
        }
    }

    @Test func `an import that is repeated changes nothing`() async throws {
        try await withArchive { redis, path, _ async throws in
            let report = try await importer(redis).run(from: path)
            #expect(report.restored == [:])
            #expect(report.unchanged == 8)
            #expect(report.isComplete)
        }
    }

    @Test func `heartbeats, locks and other people's keys are not exported`() async throws {
        try await RedisDriver.with { redis in
            try await withTemporaryDirectory { directory in
                let others = [
                    "honua:process-lock:default:l", "honua:process-replica:default:r", "honua:process-replicas:default",
                    "honua:process-memo:other:m", "honua:attachment:1", "mine",
                ]
                for key in others { try await redis.send("SET", key, "x") }
                let path = directory.appendingPathComponent("state").path
                // Even under a prefix that all of them begin with.
                for prefix in ["honua:process:", "honua:process"] {
                    let keyspace = RedisKeyspace(keyPrefix: prefix)
                    #expect(try await StateExport(client: redis.client, keyspace: keyspace).run(to: path).counts == [:])
                }
            }
        }
    }

    @Test func `a key without a time to live gets one when it is imported`() async throws {
        try await RedisDriver.with { redis in
            try await withTemporaryDirectory { directory in
                try await redis.run("p")
                try await redis.send("PERSIST", "honua:process:p")
                let path = directory.appendingPathComponent("state").path
                _ = try await StateExport(client: redis.client, keyspace: keyspace).run(to: path)
                try await redis.send("FLUSHALL")
                #expect(try await importer(redis).run(from: path).isComplete)
                let left = try await redis.timeToLive("honua:process:p")
                #expect(left > 6 * 86_400_000 && left <= 7 * 86_400_000)
            }
        }
    }

    @Test func `a state that nobody can read is exported as it is, with all its parts`() async throws {
        try await withArchive { redis, path, _ async throws in
            try await redis.send("SET", "honua:process:p", "{broken", "EX", "100")
            let report = try await StateExport(client: redis.client, keyspace: keyspace).run(to: path)
            #expect(report.counts[.state] == 2)
            #expect(report.counts[.part] == 4)
            #expect(report.warnings.count == 1)
            #expect(report.warnings.first?.contains("honua:process:p") == true)
        }
    }

    @Test func `nothing is left of an export that fails`() async throws {
        try await RedisDriver.with { redis in
            try await withTemporaryDirectory { directory in
                try await redis.run("p")
                await redis.client.shutdown()
                let path = directory.appendingPathComponent("state").path
                await #expect(throws: RedisError.self) {
                    try await StateExport(client: redis.client, keyspace: keyspace).run(to: path)
                }
                #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [])
            }
        }
    }

    // MARK: What is there already

    @Test func `a state that is there is kept unless it is to be replaced, and one that is newer unless forced`()
        async throws
    {
        try await withArchive { redis, path, _ async throws in
            let old = try await redis.client.get("honua:process:p") ?? []
            var newer = try JSONValue(parsing: old)
            newer["version"] = 1_000
            try await redis.client.set("honua:process:p", newer.serialized(), expiresIn: .seconds(500))

            let kept = try await importer(redis).run(from: path)
            #expect(kept.kept.count == 1)
            #expect(kept.kept.first?.contains("--replace") == true)
            let refused = try await importer(redis) { $0.replaces = true }.run(from: path)
            #expect(refused.kept.first?.contains("newer") == true)
            #expect(try await redis.client.get("honua:process:p") == newer.serialized())

            let dry = try await importer(redis) { ($0.replaces, $0.forcesOlder, $0.isDryRun) = (true, true, true) }
                .run(from: path)
            #expect(dry.restored == [.state: 1])
            #expect(try await redis.client.get("honua:process:p") == newer.serialized())

            let forced = try await importer(redis) { ($0.replaces, $0.forcesOlder) = (true, true) }.run(from: path)
            #expect(forced.restored == [.state: 1])
            #expect(forced.isComplete)
            #expect(try await redis.client.get("honua:process:p") == old)
        }
    }

    @Test func `a broken state and a key of another type are replaced without force`() async throws {
        try await withArchive { redis, path, _ async throws in
            let values = try await redis.values()
            try await redis.send("SET", "honua:process:p", "{broken", "EX", "100")
            try await redis.send("DEL", "honua:process:q")
            try await redis.send("LPUSH", "honua:process:q", "x")
            let report = try await importer(redis) { $0.replaces = true }.run(from: path)
            #expect(report.restored == [.state: 2])
            #expect(try await redis.values() == values)
        }
    }

    @Test func `a dry run writes nothing`() async throws {
        try await withArchive { redis, path, _ async throws in
            try await redis.send("FLUSHALL")
            let report = try await importer(redis) { $0.isDryRun = true }.run(from: path)
            #expect(report.restored[.state] == 2)
            #expect(try await redis.keys() == [])
        }
    }

    // MARK: Damaged archives

    @Test func `an archive that is cut off anywhere is refused, and nothing is written`() async throws {
        try await withArchive { redis, path, directory async throws in
            try await redis.send("FLUSHALL")
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            let cut = directory.appendingPathComponent("cut").path
            for size in stride(from: 0, to: bytes.count - 1, by: max(1, bytes.count / 40)) {
                try bytes.prefix(size).write(to: URL(fileURLWithPath: cut))
                let error = await #expect(throws: ArchiveError.self, "\(size)") {
                    try await importer(redis).run(from: cut)
                }
                #expect(error?.description.contains(size == 0 ? "is empty" : "is cut off") == true, "\(size)")
                #expect(StateVerification.archive(cut).hasFaults)
            }
            #expect(try await redis.keys() == [])
        }
    }

    @Test func `an archive with any other byte is refused, and nothing is written`() async throws {
        try await withArchive { redis, path, directory async throws in
            try await redis.send("FLUSHALL")
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            let altered = directory.appendingPathComponent("altered").path
            for place in stride(from: 0, to: bytes.count - 1, by: max(1, bytes.count / 40)) {
                var copy = bytes
                copy[place] ^= 1
                try copy.write(to: URL(fileURLWithPath: altered))
                await #expect(throws: ArchiveError.self, "\(place)") { try await importer(redis).run(from: altered) }
            }
            #expect(try await redis.keys() == [])
        }
    }

    @Test func `an archive is refused that holds what no export writes`() async throws {
        try await withArchive { redis, path, directory async throws in
            try await redis.send("FLUSHALL")
            let lines = try lines(path)
            let edited = directory.appendingPathComponent("edited").path
            let header = lines[0]
            let cases: [(String, [String])] = [
                ("version 2", [header.replacingOccurrences(of: #""version":1"#, with: #""version":2"#)] + lines[1...]),
                (
                    "does not belong",
                    [header]
                        + lines[1...].map {
                            $0.replacingOccurrences(of: #""honua:process:p""#, with: #""somebody:else""#)
                        }
                ),
                ("twice", [header, lines[1]] + lines[1...]),
                (
                    "not base64",
                    [header]
                        + lines[1...].map {
                            $0.replacingOccurrences(of: #""dump":""#, with: #""dump":"?"#)
                        }
                ),
                ("first line", Array(lines[1...])),
                ("follows the end", lines + ["{}"]),
            ]
            for (text, lines) in cases {
                try write(text == "follows the end" ? lines : sealed(lines), edited)
                let findings = StateVerification.archive(edited).findings
                let isExpected =
                    findings.first?.message.contains(text) == true
                    || text == "does not belong" && findings.first?.message.contains("is not a key") == true
                #expect(isExpected, "\(text): \(findings)")
                await #expect(throws: ArchiveError.self) { try await importer(redis).run(from: edited) }
            }
            #expect(try await redis.keys() == [])
        }
    }

    @Test func `an archive that lacks a part is found, and its import is not complete`() async throws {
        try await withArchive { redis, path, directory async throws in
            try await redis.send("FLUSHALL")
            let part = try #require(try lines(path).firstIndex { $0.contains("process-part:p:") })
            var lines = try lines(path)
            lines.remove(at: part)
            let edited = directory.appendingPathComponent("edited").path
            try write(sealed(lines), edited)
            #expect(StateVerification.archive(edited).findings.count == 1)
            #expect(try await !importer(redis).run(from: edited).isComplete)
            let findings = try await StateVerification.server(redis.client, keyspace).findings
            #expect(findings.filter(\.isFault).map(\.key) == ["honua:process:p"])
        }
    }

    @Test func `an archive of another key prefix is refused with what would help, one of another installation is not`()
        async throws
    {
        try await withArchive { redis, path, _ async throws in
            let error = await #expect(throws: ArchiveError.self) {
                try await importer(redis, RedisKeyspace(keyPrefix: "other:")).run(from: path)
            }
            #expect(error?.description.contains("Redis__KeyPrefix") == true)
            let report = try await importer(redis, RedisKeyspace(installation: "other")).run(from: path)
            #expect(report.isComplete)
        }
    }

    @Test func `a dump that the server does not understand is explained`() async throws {
        try await withArchive { redis, path, directory async throws in
            try await redis.send("FLUSHALL")
            let edited = directory.appendingPathComponent("edited").path
            let lines = try lines(path).map { line in
                var json = (try? JSONValue(parsing: line)) ?? .null
                guard let text = json["dump"]?.string, var dump = [UInt8](base64: text) else { return line }
                // The version of the format stands before the checksum.
                dump[dump.count - 10] = 0xFF
                json["dump"] = .string(dump.base64)
                return json.description
            }
            try write(sealed(lines), edited)
            let error = await #expect(throws: ArchiveError.self) { try await importer(redis).run(from: edited) }
            #expect(error?.description.contains("older") == true)
        }
    }
}
