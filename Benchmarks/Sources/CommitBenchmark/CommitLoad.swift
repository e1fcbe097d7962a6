import Foundation
import RedisClient
import Stores
import Usage
import Workflows

/// Commits of 3 kB over a thousand documents. Each replaces a document by an equal one, so that every commit finds what
/// it says it has read, whoever made the one before.
struct CommitLoad: Sendable {
    static let keyCount = 1000
    let document: StoredDocument
    let timeToLive = Duration.seconds(86400)
    private let client: RedisClient
    private let store: RedisDocumentStore

    init(_ client: RedisClient) {
        self.client = client
        store = RedisDocumentStore(client: client)
        let steps = (0..<26).map { number in
            """
            {"name":"step-\(number)","status":"Completed","attempt":1,"start":\(number),\
            "key":"9f86d081884c7d659a2feaa0c55ad015","output":{"n":\(number)}}
            """
        }
        document = StoredDocument(Array("{\"schemaVersion\":2,\"steps\":[\(steps.joined(separator: ","))]}".utf8))
    }

    /// With twelve digits, as `redis-benchmark` writes numbers.
    private static func key(_ number: Int) -> DocumentKey {
        .state(processID: String(format: "%012d", number % keyCount))
    }

    /// Creates all documents.
    /// - Returns: the SHA-1 under which the server knows the store's commit script.
    func prepare() async throws -> String {
        for number in 0..<Self.keyCount {
            _ = try await store.create(Self.key(number), document, timeToLive: timeToLive)
        }
        // The first commit may have to send the text.
        try await commit(0)
        _ = try await client.send(["CONFIG", "SET", "slowlog-log-slower-than", "0"])
        try await commit(0)
        let log = try await client.send(["SLOWLOG", "GET", "-1"])
        _ = try await client.send(["CONFIG", "SET", "slowlog-log-slower-than", "-1"])
        for entry in log.array ?? [] {
            guard let words = entry.array?[3].array, words.first?.text?.uppercased() == "EVALSHA",
                let digest = words[1].text
            else { continue }
            return digest
        }
        throw Failure(description: "the server's slow log does not show the commit script")
    }

    /// Commits with so many at once, each to another document.
    func run(_ commits: Int, inFlight: Int) async throws -> Reading {
        let cpu = ProcessUsage.ownCPUSeconds
        let start = ContinuousClock.now
        let latencies = try await withThrowingTaskGroup(of: [Duration].self) { group in
            for worker in 0..<inFlight {
                group.addTask {
                    var latencies: [Duration] = []
                    for number in stride(from: worker, to: commits, by: inFlight) {
                        let start = ContinuousClock.now
                        try await commit(number)
                        latencies.append(ContinuousClock.now - start)
                    }
                    return latencies
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let used = ProcessUsage.ownCPUSeconds - cpu
        let sorted = latencies.sorted()
        return Reading(
            perSecond: Double(commits) / seconds,
            p50: sorted[sorted.count / 2] / .seconds(1),
            p99: sorted[sorted.count * 99 / 100] / .seconds(1),
            cpu: used / Double(commits)
        )
    }

    private func commit(_ number: Int) async throws {
        let result = try await store.commit(
            Self.key(number),
            document,
            replacing: document.digest,
            timeToLive: timeToLive
        )
        guard result == .committed else { throw Failure(description: "a commit was answered with \(result)") }
    }

    /// Fails unless the server has stored as many documents meanwhile.
    func checked(_ commits: Int, _ measure: () async throws -> Reading) async throws -> Reading {
        let before = try await stored()
        let reading = try await measure()
        let made = try await stored() - before
        guard made == commits else { throw Failure(description: "\(made) of \(commits) commits were made") }
        return reading
    }

    private func stored() async throws -> Int {
        let text = try await client.send(["INFO", "commandstats"]).text ?? ""
        let calls = text.firstMatch(of: /cmdstat_set:calls=(\d+)/)
        return calls.flatMap { Int($0.1) } ?? 0
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }
}
