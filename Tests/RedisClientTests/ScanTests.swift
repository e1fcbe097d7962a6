import RedisClient
import TestEnvironment
import Testing

extension RealRedisTests {
    @Suite struct ScanTests {
        @Test func `every matching key comes at least once, and no other`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString) { client in
                    let wanted = Set((0..<300).map { "honua:process:\($0)" })
                    for key in wanted { try await client.set(key, [1], expiresIn: nil) }
                    for number in 0..<50 { try await client.set("other:\(number)", [1], expiresIn: nil) }
                    var batches = 0
                    var found: Set<String> = []
                    for try await keys in client.scan(matching: "honua:process:*", count: 20) {
                        batches += 1
                        found.formUnion(keys)
                    }
                    #expect(found == wanted)
                    #expect(batches > 5)
                    let calls = try await client.send(["INFO", "commandstats"]).text ?? ""
                    #expect(calls.contains("cmdstat_scan:") && !calls.contains("cmdstat_keys:"))
                }
            }
        }

        @Test func `a pattern that matches nothing ends`() async throws {
            try await RedisServer.with { server in
                try await withClient(server.connectionString) { client in
                    var found: [String] = []
                    for try await keys in client.scan(matching: "nothing*") { found += keys }
                    #expect(found.isEmpty)
                }
            }
        }

        @Test func `a server restarted during the scan is scanned again from the beginning`() async throws {
            try await RedisServer.with(.init(arguments: ["--appendonly", "yes", "--appendfsync", "always"])) { server in
                try await withClient(server.connectionString) { client in
                    let wanted = Set((0..<200).map { "k\($0)" })
                    for key in wanted { try await client.set(key, [1], expiresIn: nil) }
                    let states = client.states()
                    var scan = client.scan(matching: "k*", count: 50).makeAsyncIterator()
                    var found = Set(try await scan.next() ?? [])
                    #expect(found.count < wanted.count)
                    await server.stop()
                    _ = await states.first { $0.failure != nil }
                    try await server.start()
                    // What was found before the restart does not count.
                    found = []
                    while let keys = try await scan.next() { found.formUnion(keys) }
                    #expect(found == wanted)
                }
            }
        }
    }
}
