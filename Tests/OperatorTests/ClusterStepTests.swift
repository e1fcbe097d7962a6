import CRDs
import Foundation
import JSON
import KubeClient
import TestEnvironment
import Testing
import Workflows
import YAML

/// Steps that touch the cluster, as the account `deployer`, which may do everything in its namespace.
///
/// No Pod ever runs: where a Deployment has to become ready, the test says so in its status, as a kubelet and the
/// Deployment's controller would.
@Suite(.timeLimit(.minutes(6))) struct ClusterStepTests {
    private let service: JSONValue = [
        "apiVersion": "v1", "kind": "Service", "metadata": ["name": "tiles", "labels": ["team": "gis"]],
        "spec": [
            "selector": ["app": "tiles", "color": "green"],
            "ports": [["name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080]],
        ],
    ]

    private func blueGreen(_ url: String) throws -> JSONValue {
        let text = try String(contentsOf: Project.root.appending(path: "Examples/blue-green.yaml"), encoding: .utf8)
        var process = try #require(try YAMLDocument.parse(text).first).value
        process["spec"]?["input"]?["smokeURL"] = .string(url)
        process["spec"]?["serviceAccountName"] = "deployer"
        process["spec"]?["retry"] = ["limit": 1, "backoff": ["duration": "10ms"]]
        return process["spec"] ?? [:]
    }

    private func makeReady(_ fixture: OperatorFixture, _ name: String) async throws {
        let deployments = try await fixture.client.resources(
            apiVersion: "apps/v1",
            kind: "Deployment",
            namespace: fixture.namespace
        )
        let deployment = try await deployments.wait(for: name) { _ in true }
        let count = deployment.content[path: "spec", "replicas"] ?? 1
        _ = try await deployments.patch(
            name,
            .merge([
                "status": [
                    "observedGeneration": deployment.content[path: "metadata", "generation"] ?? 1, "replicas": count,
                    "updatedReplicas": count, "readyReplicas": count, "availableReplicas": count,
                    "conditions": [
                        ["type": "Available", "status": "True"],
                        ["type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"],
                    ],
                ]
            ]),
            subresource: "status"
        )
    }

    private func object(
        _ fixture: OperatorFixture,
        _ apiVersion: String,
        _ kind: String,
        _ name: String
    )
        async throws -> JSONValue?
    {
        let resources = try await fixture.client.resources(
            apiVersion: apiVersion,
            kind: kind,
            namespace: fixture.namespace
        )
        return try await resources.list().items.first { $0.metadata.name == name }?.content
    }

    /// What does not change by itself.
    private func settled(_ object: JSONValue?) -> JSONValue? {
        guard var object else { return nil }
        object["metadata"]?["resourceVersion"] = nil
        return object
    }

    @Test func `a blue-green switch goes through, and everybody is sent to the new version`() async throws {
        try await EffectServer.with { server in
            try await OperatorFixture.with { fixture in
                try await fixture.make(service)
                try await fixture.withOperator { _ in
                    try await fixture.create("blue-green", try blueGreen(server.url("smoke")))
                    try await makeReady(fixture, "tiles-blue")
                    let process = try await fixture.waitForEnd("blue-green")
                    #expect(process.condition("Ready") == .true, "\(process.message() ?? "")")
                    let service = try await object(fixture, "v1", "Service", "tiles")
                    #expect(service?[path: "spec", "selector"] == ["app": "tiles", "color": "blue"])
                    #expect(process.status?.createdResources == ["Deployment \(fixture.namespace)/tiles-blue"])
                }
            }
        }
    }

    @Test func `a smoke test that fails puts back exactly what was there`() async throws {
        try await EffectServer.with { server in
            server.answer("smoke", with: [404, 404, 404])
            try await OperatorFixture.with { fixture in
                try await fixture.make(service)
                let former = try await object(fixture, "v1", "Service", "tiles")
                try await fixture.withOperator { _ in
                    try await fixture.create("blue-green", try blueGreen(server.url("smoke")))
                    try await makeReady(fixture, "tiles-blue")
                    let process = try await fixture.waitForEnd("blue-green")
                    #expect(process.condition("Ready") == .false)
                    #expect(process.condition("RolledBack") == .true, "\(process.message("RolledBack") ?? "")")
                    #expect(try await settled(object(fixture, "v1", "Service", "tiles")) == settled(former))
                    #expect(try await object(fixture, "apps/v1", "Deployment", "tiles-blue") == nil)
                }
            }
        }
    }

    /// Steps that each change something once, and one that fails, so that everything is undone.
    private func changes(_ fixture: OperatorFixture) -> JSONValue {
        let map = { (name: String) -> JSONValue in
            ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": .string(name)], "data": ["a": "1"]]
        }
        return [
            "serviceAccountName": "deployer", "onFailure": "Rollback",
            "steps": [
                ["name": "make", "action": "apply", "with": ["manifests": [map("one"), map("two")]]],
                [
                    "name": "change", "action": "patch", "needs": ["make"],
                    "with": [
                        "apiVersion": "v1", "kind": "Service", "name": "tiles", "type": "json",
                        "patch": [
                            [
                                "op": "add", "path": "/spec/ports/-",
                                "value": ["name": "more", "port": 81, "protocol": "TCP"],
                            ]
                        ],
                    ],
                ],
                [
                    "name": "drop", "action": "delete", "needs": ["change"],
                    "with": ["objects": [["apiVersion": "v1", "kind": "ConfigMap", "name": "old"]]],
                ],
            ],
        ]
    }

    private static let deaths: [(FailPoint, String)] = ["make", "change", "drop"].flatMap { step in
        [.afterStarted, .afterRecord, .afterEffect, .beforeCompleted].map { ($0, step) }
    }

    @Test(arguments: deaths)
    func `an operator killed before, during or after a change makes it once, and it can still be undone`(
        point: FailPoint,
        step: String
    ) async throws {
        try await RedisServer.with { redis in
            try await OperatorFixture.with { fixture in
                try await fixture.make(service)
                let old: JSONValue = ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "old"]]
                try await fixture.make(old)
                let first = try await fixture.start(
                    redis: redis.connectionString,
                    failPoint: "\(point.rawValue):\(step)"
                )
                try await fixture.create("change", changes(fixture))
                #expect(await first.child.waitForEnd() == 128 + SIGKILL)
                try await fixture.withOperator(redis: redis.connectionString) { _ async throws in
                    let process = try await fixture.waitForEnd("change")
                    #expect(process.condition("Ready") == .true, "\(process.message() ?? "")")
                    let ports = try await object(fixture, "v1", "Service", "tiles")?[path: "spec", "ports"]?.array
                    #expect(ports?.count == 2, "one more, and not two")
                    #expect(try await object(fixture, "v1", "ConfigMap", "one") != nil)
                    #expect(try await object(fixture, "v1", "ConfigMap", "old") == nil)
                    #expect(process.status?.createdResources?.count == 2)
                }
            }
        }
    }

    @Test(arguments: [(FailPoint.afterEffect, "drop/compensate"), (.afterStarted, "make/compensate")])
    func `an operator killed while changes are undone undoes them all the same`(
        point: FailPoint,
        execution: String
    ) async throws {
        try await RedisServer.with { redis in
            try await OperatorFixture.with { fixture in
                try await fixture.make(service)
                let old: JSONValue = [
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "old"], "data": ["kept": "yes"],
                ]
                try await fixture.make(old)
                let former = try await object(fixture, "v1", "Service", "tiles")
                let first = try await fixture.start(
                    redis: redis.connectionString,
                    failPoint: "\(point.rawValue):\(execution)"
                )
                var spec = changes(fixture)
                let end: JSONValue = ["name": "end", "action": "fail", "needs": ["drop"], "with": ["message": "no"]]
                spec["steps"] = .array((spec["steps"]?.array ?? []) + [end])
                try await fixture.create("undo", spec)
                #expect(await first.child.waitForEnd() == 128 + SIGKILL)
                try await fixture.withOperator(redis: redis.connectionString) { _ async throws in
                    let process = try await fixture.waitForEnd("undo")
                    #expect(process.condition("RolledBack") == .true, "\(process.message("RolledBack") ?? "")")
                    #expect(try await settled(object(fixture, "v1", "Service", "tiles")) == settled(former))
                    #expect(try await object(fixture, "v1", "ConfigMap", "one") == nil)
                    #expect(try await object(fixture, "v1", "ConfigMap", "two") == nil)
                    #expect(try await object(fixture, "v1", "ConfigMap", "old")?["data"] == ["kept": "yes"])
                }
            }
        }
    }

    /// Where an operator dies that changes a workload. A rollout records nothing: its key is in the object.
    private static let workloadDeaths: [(FailPoint, String)] = [
        (.afterStarted, "resize"), (.afterRecord, "resize"), (.afterEffect, "resize"), (.afterStarted, "restart"),
        (.afterEffect, "restart"), (.beforeCompleted, "restart"),
    ]

    @Test(arguments: workloadDeaths)
    func `an operator killed while a workload is scaled or restarted does so once`(
        point: FailPoint,
        step: String
    ) async throws {
        let labels: JSONValue = ["app": "web"]
        let workload: JSONValue = ["apiVersion": "apps/v1", "kind": "Deployment", "name": "web"]
        func inputs(_ more: [String: JSONValue]) -> JSONValue {
            .object((workload.object ?? [:]).merging(more) { _, new in new })
        }
        try await RedisServer.with { redis in
            try await OperatorFixture.with { fixture in
                try await fixture.make([
                    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "web"],
                    "spec": [
                        "replicas": 1, "selector": ["matchLabels": labels],
                        "template": [
                            "metadata": ["labels": labels],
                            "spec": ["containers": [["name": "c", "image": "example.com/c"]]],
                        ],
                    ],
                ])
                let first = try await fixture.start(
                    redis: redis.connectionString,
                    failPoint: "\(point.rawValue):\(step)"
                )
                try await fixture.create(
                    "workload",
                    [
                        "serviceAccountName": "deployer",
                        "steps": [
                            [
                                "name": "resize", "action": "scale",
                                "with": inputs(["replicas": 3, "waitUntilReady": false]),
                            ],
                            [
                                "name": "restart", "action": "rollout", "needs": ["resize"],
                                "with": inputs(["do": "restart", "wait": false]),
                            ],
                        ],
                    ]
                )
                #expect(await first.child.waitForEnd() == 128 + SIGKILL)
                try await fixture.withOperator(redis: redis.connectionString) { _ async throws in
                    let process = try await fixture.waitForEnd("workload")
                    #expect(process.condition("Ready") == .true, "\(process.message() ?? "")")
                    let web = try await object(fixture, "apps/v1", "Deployment", "web")
                    #expect(web?[path: "spec", "replicas"] == 3)
                    // Each change of the spec counts: one for the number, one for the restart.
                    #expect(web?[path: "metadata", "generation"] == 3)
                }
            }
        }
    }

    @Test(arguments: [FailPoint.afterStarted, .afterRecord, nil])
    func `an operator killed before or while a Job runs finds it again`(point: FailPoint?) async throws {
        try await RedisServer.with { redis in
            try await OperatorFixture.with { fixture in
                let jobs = try await fixture.client.resources(
                    apiVersion: "batch/v1",
                    kind: "Job",
                    namespace: fixture.namespace
                )
                let first = try await fixture.start(
                    redis: redis.connectionString,
                    failPoint: point.map { "\($0.rawValue):smoke" }
                )
                try await fixture.create(
                    "job",
                    [
                        "serviceAccountName": "deployer",
                        "steps": [["name": "smoke", "action": "job", "with": ["image": "example.com/smoke"]]],
                    ]
                )
                if point == nil {
                    while try await jobs.list().items.isEmpty { await Task.yield() }
                    await first.kill()
                } else {
                    #expect(await first.child.waitForEnd() == 128 + SIGKILL)
                }
                try await fixture.withOperator(redis: redis.connectionString) { _ async throws in
                    var job: DynamicObject?
                    while job == nil {
                        job = try await jobs.list().items.first
                        await Task.yield()
                    }
                    // What the controller of Jobs says.
                    let status: JSONValue = ["status": ["conditions": [["type": "Complete", "status": "True"]]]]
                    let name = try #require(job).metadata.name
                    _ = try await jobs.patch(name, .merge(status), subresource: "status")
                    let process = try await fixture.waitForEnd("job")
                    #expect(process.condition("Ready") == .true, "\(process.message() ?? "")")
                    #expect(try await jobs.list().items.map(\.metadata.name) == [name])
                    #expect(process.status?.createdResources == ["Job \(fixture.namespace)/\(name)"])
                }
            }
        }
    }

    @Test func `a secret that a step uses is in no store, log, event, status or answer`() async throws {
        let planted = "s3cr3t-\(UInt64.random(in: .min ... .max))"
        try await RedisServer.with { redis in
            try await EffectServer.with { server in
                server.answer("refused", with: [400, 400])
                try await OperatorFixture.with { fixture in
                    try await fixture.make([
                        "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "service"],
                        "stringData": ["token": .string(planted)],
                    ])
                    let secret: JSONValue = ["secretKeyRef": ["name": "service", "key": "token"]]
                    let call = { (name: String) -> JSONValue in
                        [
                            "method": "POST", "url": .string(server.url(name)), "body": secret,
                            "headers": ["X-Token": secret], "bearerToken": secret,
                        ]
                    }
                    let process = try await fixture.start(
                        redis: redis.connectionString,
                        environment: ["Logging__LogLevel__Default": "Trace", "Actions__Exec__Enabled": "true"]
                    )
                    try await fixture.create(
                        "secret",
                        [
                            "serviceAccountName": "deployer",
                            "steps": [
                                ["name": "call", "action": "http", "with": call("call")],
                                [
                                    "name": "program", "action": "exec", "needs": ["call"],
                                    "with": [
                                        "command": ["/bin/sh", "-c", "echo $TOKEN; echo $TOKEN >&2"],
                                        "environment": ["TOKEN": secret],
                                    ],
                                ],
                                ["name": "refused", "action": "http", "needs": ["program"], "with": call("refused")],
                            ],
                        ]
                    )
                    let resource = try await fixture.waitForEnd("secret")
                    await process.terminate()
                    #expect(server.effects.map(\.body) == [planted, planted], "the service has got it")
                    #expect(resource.status?.steps?.map(\.phase) == [.completed, .completed, .failed])
                    var places = ["log": process.child.lines.joined(separator: "\n")]
                    places["resource"] = String(decoding: resource.json().serialized(), as: UTF8.self)
                    places["events"] = "\(try await fixture.events(about: "secret"))"
                    places["Redis"] = try Command.run([
                        "/bin/sh", "-c",
                        "redis-cli -p \(redis.port) --scan | while read -r key; do redis-cli -p \(redis.port) dump \"$key\"; "
                            + "redis-cli -p \(redis.port) get \"$key\"; done",
                    ])
                    #expect(places["Redis"]?.contains("Completed") ?? false, "the state was looked at")
                    for (place, text) in places {
                        #expect(!text.contains(planted), "it is in the \(place)")
                        #expect(!text.contains(Data(planted.utf8).base64EncodedString()), "it is in the \(place)")
                    }
                }
            }
        }
    }

    @Test func `a dry run tells what would change, in the status and on the command line, and changes nothing`()
        async throws
    {
        try await OperatorFixture.with { fixture in
            try await fixture.make(service)
            let former = try await object(fixture, "v1", "Service", "tiles")
            try await fixture.withOperator { _ in
                var spec = try blueGreen("http://127.0.0.1:1/smoke")
                spec["dryRun"] = true
                try await fixture.create("dry", spec)
                let process = try await fixture.waitForEnd("dry")
                #expect(process.condition("Ready") == .true, "\(process.message() ?? "")")
                let plan = try #require(process.status?.plan)
                #expect(plan.digest.count == 64)
                for line in [
                    "  create Deployment \(fixture.namespace)/tiles-blue", "    + spec.replicas: 2",
                    "switch (patch): patch Service \(fixture.namespace)/tiles",
                    "  ~ spec.selector.color: \"green\" -> \"blue\"",
                ] {
                    #expect(plan.lines.contains(line), "\(plan.lines) has \(line)")
                }
                #expect(process.status?.createdResources == [])
                #expect(try await object(fixture, "v1", "Service", "tiles") == former)
                #expect(try await object(fixture, "apps/v1", "Deployment", "tiles-blue") == nil)
                let printed = try Command.run([
                    Project.honua.path, "process", "plan", "dry", "--namespace", fixture.namespace, "--kubeconfig",
                    fixture.cluster.kubeconfig,
                ])
                #expect(printed.contains("digest: \(plan.digest)"))
            }
        }
    }

    @Test func `a process without an account, and one whose account the operator may not act as, are told why`()
        async throws
    {
        try await OperatorFixture.with { fixture in
            try await fixture.make(service)
            try await fixture.withOperator { _ in
                var spec = try blueGreen("http://127.0.0.1:1/")
                spec["serviceAccountName"] = nil
                try await fixture.create("nobody", spec)
                let nobody = try await fixture.processes.wait(for: "nobody") { $0.reason() == "InvalidSpec" }
                #expect(nobody.message()?.contains("spec.serviceAccountName") ?? false, "\(nobody.message() ?? "")")
                let template = WorkflowDefinition(
                    name: "cluster",
                    steps: [
                        StepDefinition(
                            "drop",
                            action: "delete",
                            with: ["objects": [["apiVersion": "v1", "kind": "ConfigMap", "name": "a"]]]
                        )
                    ]
                )
                _ = try await fixture.client.resources(HonuaProcessTemplate.self, namespace: fixture.namespace).create(
                    HonuaProcessTemplate(name: "cluster", namespace: fixture.namespace, definition: template)
                )
                try await fixture.create(
                    "child",
                    ["steps": [["name": "a", "action": "process", "with": ["templateRef": ["name": "cluster"]]]]]
                )
                let child = try await fixture.processes.wait(for: "child") {
                    $0.message()?.contains("step \"drop\" does \"delete\"") ?? false
                }
                #expect(child.reason() == "InvalidSpec")
                spec["serviceAccountName"] = "stranger"
                try await fixture.create("stranger", spec)
                let stranger = try await fixture.waitForEnd("stranger")
                let message = stranger.status?.steps?.first?.message ?? ""
                for word in ["impersonate", "stranger", fixture.namespace] {
                    #expect(message.contains(word), "\(message) says \(word)")
                }
            }
        }
    }
}
