import CRDs
import Foundation
import JSON
import KubeClient
import RedisClient
import Stores
import TestEnvironment
import Testing
import Workflows

/// Several operators over one Redis, and what becomes of processes when one of them comes or goes.
@Suite(.timeLimit(.minutes(10))) struct ReplicaTests {
    private func start(
        _ name: String,
        _ fixture: OperatorFixture,
        redis: String?,
        environment: [String: String] = [:]
    ) async throws -> OperatorProcess {
        var environment = environment
        environment["Operator__ReplicaName"] = name
        return try await fixture.start(redis: redis, environment: environment)
    }

    /// Waits until a replica sees these alive.
    private func waitUntil(_ replica: OperatorProcess, sees names: String) async throws {
        try await replica.child.line(containing: "replicas alive: \(names)\"")
    }

    private func owners(_ fixture: OperatorFixture) async throws -> [String: Int] {
        try await fixture.processes.list().items.reduce(into: [:]) {
            $0[$1.status?.state?.owner ?? "-", default: 0] += 1
        }
    }

    @Test func `replicas share the work, and what a killed one leaves is finished by the others`() async throws {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                try await OperatorFixture.with { fixture in
                    var replicas: [String: OperatorProcess] = [:]
                    for name in ["a", "b", "c"] {
                        replicas[name] = try await start(name, fixture, redis: redis.connectionString)
                    }
                    for replica in replicas.values { try await waitUntil(replica, sees: "a, b, c") }
                    server.hold("step3")
                    for number in 0..<24 {
                        try await fixture.create("p\(number)", OperatorFixture.fiveEffects(on: server))
                    }
                    await server.received("step3", count: 24)
                    for number in 0..<24 {
                        try await fixture.processes.wait(for: "p\(number)") { $0.status?.state?.owner != nil }
                    }
                    let shares = try await owners(fixture)
                    #expect(Set(shares.keys) == ["a", "b", "c"], "\(shares)")
                    await replicas["b"]?.kill()
                    server.release("step3")
                    for number in 0..<24 {
                        let process = try await fixture.waitForEnd("p\(number)")
                        #expect(process.condition("Ready") == .true, "\(process.message() ?? "")")
                        #expect(process.status?.state?.owner != "b" || process.status?.state?.epoch == 1)
                    }
                    // What b was waiting for is asked for again, under the same keys; nothing else is.
                    #expect(Set(server.effects.map(\.key)).count == 24 * 5)
                    #expect(server.keys(of: "step3").count == 24 + (shares["b"] ?? 0))
                    for step in ["step1", "step2", "step4", "step5"] {
                        #expect(server.keys(of: step).count == 24, "\(step)")
                    }
                    for name in ["a", "c"] { await replicas[name]?.terminate() }
                }
            }
        }
    }

    @Test func `a replica that joins gets processes between two of their steps, and no step is interrupted for it`()
        async throws
    {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                try await OperatorFixture.with { fixture in
                    let first = try await start("a", fixture, redis: redis.connectionString)
                    server.hold("step2")
                    for number in 0..<10 {
                        try await fixture.create("p\(number)", OperatorFixture.fiveEffects(on: server))
                    }
                    await server.received("step2", count: 10)
                    let second = try await start("b", fixture, redis: redis.connectionString)
                    try await waitUntil(first, sees: "a, b")
                    server.release("step2")
                    for number in 0..<10 {
                        #expect(try await fixture.waitForEnd("p\(number)").condition("Ready") == .true)
                    }
                    // Ten processes of one replica: the chance that all stay with it is one in a thousand.
                    #expect(try await owners(fixture)["b"] ?? 0 > 0)
                    #expect(server.effects.count == 50)
                    #expect(Set(server.effects.map(\.key)).count == 50)
                    await first.terminate()
                    await second.terminate()
                }
            }
        }
    }

    @Test func `a replica that is told to stop waits for the step at work and hands the process over`() async throws {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                try await OperatorFixture.with { fixture in
                    let first = try await start("a", fixture, redis: redis.connectionString)
                    server.hold("step2")
                    try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                    await server.received("step2")
                    let second = try await start("b", fixture, redis: redis.connectionString)
                    try await waitUntil(first, sees: "a, b")
                    first.child.signal(SIGTERM)
                    // Its next heartbeat says so.
                    try await fixture.create("later", OperatorFixture.fiveEffects(on: server))
                    let later = try await fixture.processes.wait(for: "later") { $0.status?.state?.owner != nil }
                    #expect(later.status?.state?.owner == "b")
                    server.release("step2")
                    #expect(await first.child.waitForEnd() == 0)
                    for name in ["five", "later"] {
                        let process = try await fixture.waitForEnd(name)
                        #expect(process.condition("Ready") == .true)
                        #expect(process.status?.state?.owner == "b")
                    }
                    #expect(server.effects.count == 10, "no step was interrupted")
                    await second.terminate()
                }
            }
        }
    }

    @Test func `a replica that was stopped for half a minute finds its process taken over, and repeats nothing`()
        async throws
    {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                try await OperatorFixture.with { fixture in
                    let first = try await start("a", fixture, redis: redis.connectionString)
                    server.hold("step2")
                    try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                    await server.received("step2")
                    let second = try await start("b", fixture, redis: redis.connectionString)
                    try await waitUntil(second, sees: "a, b")
                    first.child.signal(SIGSTOP)
                    try await waitUntil(second, sees: "b")
                    server.release("step2")
                    let process = try await fixture.waitForEnd("five")
                    #expect(process.status?.state?.owner == "b")
                    first.child.signal(SIGCONT)
                    try await waitUntil(first, sees: "a, b")
                    // Either its result could not be committed, or it was told by the resource.
                    try await first.child.line(containing: "other owner")
                    #expect(Set(server.effects.map(\.key)).count == 5)
                    #expect(server.effects.count == 6, "step2 was asked for by both, under one key")
                    await first.terminate()
                    await second.terminate()
                }
            }
        }
    }

    @Test func `without Redis one replica works, and the other waits for its end`() async throws {
        try await OperatorFixture.with { fixture in
            let first = try await start("a", fixture, redis: nil)
            try await first.child.line(containing: "replica a leads")
            let second = try await start("b", fixture, redis: nil)
            try await fixture.create("one", ["processType": "Test"])
            #expect(try await fixture.waitForEnd("one").status?.state?.owner == "a")
            await first.terminate()
            try await second.child.line(containing: "replica b leads")
            try await fixture.create("two", ["processType": "Test"])
            #expect(try await fixture.waitForEnd("two").status?.state?.owner == "b")
            await second.terminate()
        }
    }

    @Test func `two programs under one name do not go on together`() async throws {
        try await RedisServer.with { redis in
            try await OperatorFixture.with { fixture in
                let first = try await start("a", fixture, redis: redis.connectionString)
                try await waitUntil(first, sees: "a")
                let second = try await start("a", fixture, redis: redis.connectionString)
                // The one that notices first ends, and may leave the other one alone by that.
                let status = await withTaskGroup(of: Int32.self) { group in
                    let programs = [first, second]
                    for program in programs { group.addTask { await program.child.waitForEnd() } }
                    let earlier = await group.next()
                    for program in programs { program.child.signal(SIGTERM) }
                    await group.waitForAll()
                    return earlier
                }
                #expect(status == 1)
                let lines = first.child.lines + second.child.lines
                #expect(
                    lines.contains {
                        $0.contains("another program works as replica")
                            && $0.contains("give each replica a name of its own")
                    }
                )
            }
        }
    }

    @Test func `what is begun in memory while Redis is away goes on in Redis when it comes`() async throws {
        try await RedisServer.with { redis in
            await redis.stop()
            try await EffectServer.with { server in
                try await OperatorFixture.with { fixture in
                    let replica = try await start("a", fixture, redis: redis.connectionString)
                    #expect(replica.child.lines.contains { $0.contains("Unable to connect to Redis") })
                    #expect(
                        replica.child.lines.contains {
                            $0.contains("Using in-memory stores. This is not suitable for production.")
                        }
                    )
                    server.hold("step2")
                    try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                    await server.received("step2")
                    let begun = try await fixture.processes.wait(for: "five") { $0.status?.state != nil }
                    #expect(begun.status?.state?.store == "memory")
                    try await redis.start()
                    try await replica.child.line(containing: "Redis answers for the first time")
                    server.release("step2")
                    let process = try await fixture.waitForEnd("five")
                    #expect(process.condition("Ready") == .true)
                    #expect(process.status?.state?.store == "redis")
                    #expect(try await redis.get("honua:process:\(process.metadata.uid)") != nil)
                    #expect(Set(server.effects.map(\.key)).count == 5)
                    await replica.terminate()
                }
            }
        }
    }

    @Test func `a command in the inbox is obeyed once, by the owner`() async throws {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                try await OperatorFixture.with { fixture in
                    let first = try await start("a", fixture, redis: redis.connectionString)
                    let second = try await start("b", fixture, redis: redis.connectionString)
                    try await waitUntil(first, sees: "a, b")
                    server.answer("step3", with: Array(repeating: 500, count: 6))
                    try await fixture.create("five", OperatorFixture.fiveEffects(on: server, backoff: "10ms"))
                    let failed = try await fixture.waitForEnd("five")
                    #expect(failed.condition("Ready") == .false)
                    let id = failed.metadata.uid
                    let string = try RedisConnectionString(redis.connectionString)
                    let client = try RedisClient(configuration: RedisConfiguration(string))
                    let namespace = APIResource(
                        version: "v1",
                        kind: "Namespace",
                        plural: "namespaces",
                        isNamespaced: false
                    )
                    let installation = try await fixture.client.resources(namespace).get(fixture.namespace).metadata.uid
                    let inbox = CommandInbox(store: RedisDocumentStore(client: client, installation: installation))
                    let command = PostedCommand(id: "retry-1", .retry, user: "lani", postedAt: .now)
                    for _ in 0..<3 { try await inbox.post(command, to: id) }
                    let process = try await fixture.processes.wait(for: "five") { $0.status?.phase == .completed }
                    #expect(process.status?.state?.epoch == 2, "reopened once")
                    #expect(server.keys(of: "step1").count == 1)
                    while try await !inbox.commands(for: id).isEmpty { await Task.yield() }
                    await client.shutdown()
                    await first.terminate()
                    await second.terminate()
                }
            }
        }
    }

    @Test func `a restored resource goes on from the state of the process it was, when somebody says so`() async throws
    {
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                try await OperatorFixture.with { fixture in
                    let first = try await start("a", fixture, redis: redis.connectionString)
                    server.hold("step3")
                    try await fixture.create("five", OperatorFixture.fiveEffects(on: server))
                    await server.received("step3")
                    let former = try await fixture.processes.wait(for: "five") { $0.status?.state != nil }
                    await first.kill()
                    // The resource is lost and comes back from a backup, without its status.
                    try await fixture.processes.patch("five", .merge(["metadata": ["finalizers": .null]]))
                    try await fixture.processes.delete("five")
                    var copy = former
                    copy.metadata = ObjectMeta(name: "five", namespace: fixture.namespace)
                    copy.metadata.labels = former.metadata.labels
                    copy.metadata.finalizers = former.metadata.finalizers
                    copy.status = nil
                    let restored = try await fixture.processes.create(copy)
                    #expect(restored.metadata.uid != former.metadata.uid)
                    let second = try await start("a", fixture, redis: redis.connectionString)
                    let waiting = try await fixture.processes.wait(for: "five") {
                        $0.reason("Reconciling") == "WaitingForRecovery"
                    }
                    #expect(waiting.message()?.contains("honua process adopt five") == true)
                    server.release("step3")
                    let child = try ChildProcess(
                        Project.honua,
                        ["process", "adopt", "five", "--kubeconfig", fixture.cluster.kubeconfig]
                            + ["--namespace", fixture.namespace]
                    )
                    #expect(await child.waitForEnd() == 0, "\(child.lines)")
                    let process = try await fixture.waitForEnd("five")
                    #expect(process.condition("Ready") == .true)
                    #expect(server.keys(of: "step1").count == 1)
                    #expect(server.keys(of: "step2").count == 1)
                    #expect(Set(server.keys(of: "step3")).count == 1, "what was begun keeps its key")
                    #expect(try await redis.get("honua:process:\(former.metadata.uid)") == nil)
                    await second.terminate()
                }
            }
        }
    }
}
