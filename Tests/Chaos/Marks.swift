import JSON
import RedisClient
import Stores
import Synchronization
import TestEnvironment
import Workflows

/// How often each step was begun, as the states in Redis say. A state may be lost later; what it said is remembered.
final class Marks: Sendable {
    private let starts = Mutex<[String: Int]>([:])
    private let client: RedisClient

    init(_ redis: RedisServer) throws {
        let string = try RedisConnectionString(redis.connectionString + ",syncTimeout=5000,allowAdmin=true")
        client = try RedisClient(configuration: RedisConfiguration(string))
    }

    /// Reads states until the task is cancelled. A server that does not answer is asked again.
    func follow() async {
        while (try? await Task.sleep(for: .milliseconds(200))) != nil { try? await read() }
    }

    /// Reads every state once.
    func read() async throws {
        var found: [String: Int] = [:]
        for try await keys in client.scan(matching: "honua:process:*") {
            for key in keys {
                guard let bytes = try await client.get(key), let state = try? JSONValue(parsing: bytes),
                    let process = state["name"]?.string
                else { continue }
                for step in state["steps"]?.array ?? [] {
                    guard let name = step["name"]?.string else { continue }
                    found["\(process)-\(name)"] = Int((step["attempt"]?.int ?? 0) + (step["interruptions"]?.int ?? 0))
                }
            }
        }
        starts.withLock { $0.merge(found) { max($0, $1) } }
    }

    func empty() async throws { _ = try await client.send(["FLUSHALL"]) }

    func starts(of step: String) -> Int { starts.withLock { $0[step] ?? 0 } }

    func stop() async { await client.shutdown() }
}
