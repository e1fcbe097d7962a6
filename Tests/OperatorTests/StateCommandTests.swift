import Foundation
import JSON
import TestEnvironment
import Testing

/// `honua state`, as people use it.
@Suite(.timeLimit(.minutes(4))) struct StateCommandTests {
    private func run(
        _ arguments: [String],
        _ environment: [String: String] = [:]
    ) async throws -> (status: Int32, lines: [String]) {
        let child = try ChildProcess(Project.honua, ["state"] + arguments, environment: environment)
        let status = await child.waitForEnd()
        await child.waitForOutputEnd()
        return (status, child.lines)
    }

    @Test func `state is exported, verified, and imported into another Redis found by a variable`() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("honua-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("state.honua").path
        try await RedisServer.with { old in
            try await RedisServer.with(RedisServer.Options(password: "s3cret")) { new in
                _ = try old.command("SET", "honua:process-memo:default:m", #"{"output":1}"#, "EX", "1000")
                _ = try old.command("SET", "honua:process:broken", "{", "EX", "1000")

                let exported = try await run(["export", "-o", file, "--redis", old.connectionString])
                #expect(exported.status == 0)
                #expect(exported.lines.last == "exported 1 state, 0 parts, 1 memo, 0 history")
                #expect(exported.lines.contains { $0.hasPrefix("warning: honua:process:broken ") })

                let verified = try await run(["verify", file])
                #expect(verified.status == 0)
                #expect(verified.lines == ["1 state, 0 parts, 1 memo, 0 history: 0 faults"])

                let environment = ["Redis__ConnectionString": new.connectionString]
                let imported = try await run(["import", file], environment)
                #expect(imported.status == 0)
                #expect(imported.lines == ["imported 1 state, 0 parts, 1 memo, 0 history; 0 unchanged, 0 not imported"])

                let faults = try await run(["verify", "-o", "json"], environment)
                #expect(faults.status == 1)
                let json = try JSONValue(parsing: faults.lines.joined())
                #expect(json["findings"]?[0]?["key"] == "honua:process:broken")

                let source = ["RedisSource__ConnectionString": old.connectionString]
                let copied = try await run(
                    ["restore-keys", "honua:process:broken", "nothing"],
                    environment.merging(source) { one, _ in one }
                )
                #expect(copied.status == 1)
                #expect(copied.lines.last == "0 copied, 1 unchanged, 1 not copied")
            }
        }
    }

    @Test func `what cannot be done is said in one line, without the password`() async throws {
        let refused = try await run(["verify", "--redis", "127.0.0.1:1,connectTimeout=500,password=tops3cret"])
        #expect(refused.status == 1)
        #expect(refused.lines.count == 1)
        #expect(refused.lines.first?.hasPrefix("honua state verify: Redis connection failed") == true)
        #expect(refused.lines.first?.contains("tops3cret") == false)
        let missing = try await run(["export"])
        #expect(missing.status == 1)
        #expect(missing.lines == ["honua state export: no Redis is given; set Redis__ConnectionString, or use --redis"])
        #expect(try await run(["import", "/nowhere", "--redis", "127.0.0.1:1"]).status == 1)
        #expect(try await run(["import", "/nowhere", "--force-older"]).status == 64)
    }
}
