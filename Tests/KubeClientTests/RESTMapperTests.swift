import JSON
import Synchronization
import TestClock
import TestEnvironment
import Testing

@testable import KubeClient

/// When the server is asked, and what becomes of its answers.
@Suite(.timeLimit(.minutes(4))) struct RESTMapperTests {
    /// Serves apps/v1 and, once installed, widgets of example.dev/v1.
    private final class Fixture: Sendable {
        let server: DiscoveryServer
        let client: KubeClient
        let mapper: RESTMapper
        let clock = ManualClock()
        private let switches: Switches

        final class Switches: Sendable {
            let isInstalled = Mutex(false)
            let isDown = Mutex(false)
        }

        init() throws {
            let switches = Switches()
            self.switches = switches
            server = try DiscoveryServer { path in
                let isInstalled = switches.isInstalled.withLock(\.self)
                if switches.isDown.withLock(\.self) { return (503, #"{"message":"not now"}"#) }
                switch path {
                case "/api": return (200, DiscoveryDocuments.versions)
                case "/api/v1": return (200, DiscoveryDocuments.core)
                case "/apis":
                    return (
                        200,
                        DiscoveryDocuments.groups(
                            [("apps", ["v1"], "v1")] + (isInstalled ? [("example.dev", ["v1"], "v1")] : [])
                        )
                    )
                case "/apis/apps/v1":
                    return (200, DiscoveryDocuments.version("apps/v1", ["Deployment": "deployments"]))
                case "/apis/example.dev/v1" where isInstalled:
                    return (200, DiscoveryDocuments.version("example.dev/v1", ["Widget": "widgets"]))
                default: return (404, #"{"message":"page not found"}"#)
                }
            }
            client = try server.client()
            mapper = RESTMapper(client: client, cache: DiscoveryCache(clock: clock))
        }

        deinit { client.shutdown() }

        func install() { switches.isInstalled.withLock { $0 = true } }
        func goDown() { switches.isDown.withLock { $0 = true } }
        func comeUp() { switches.isDown.withLock { $0 = false } }
    }

    /// All that a server of the fixture is asked for everything.
    private let everything = ["/api", "/api/v1", "/apis", "/apis/apps/v1"]

    @Test func `a kind in a version costs one request, and only the first time`() async throws {
        let fixture = try Fixture()
        for _ in 0..<3 {
            let found = try await fixture.mapper.resource(apiVersion: "apps/v1", kind: "Deployment")
            #expect(found.api.plural == "deployments")
        }
        #expect(fixture.server.paths == ["/apis/apps/v1"])
    }

    @Test func `lookups at the same time share their requests`() async throws {
        let fixture = try Fixture()
        try await withThrowingTaskGroup { group in
            for _ in 0..<50 {
                group.addTask { _ = try await fixture.mapper.resource(named: "deployments") }
                group.addTask { _ = try await fixture.mapper.resource(group: "apps", kind: "Deployment") }
            }
            try await group.waitForAll()
        }
        #expect(fixture.server.paths.sorted() == everything)
    }

    @Test func `a miss says what is missing, what is close, what would help, and when to come back`() async throws {
        let fixture = try Fixture()
        let misspelt = await #expect(throws: UnresolvedResource.self) {
            try await fixture.mapper.resource(apiVersion: "apps/v1", kind: "Deploymnt")
        }
        #expect(misspelt?.suggestions == ["Deployment in apps/v1"])
        #expect(
            misspelt?.description.hasPrefix(
                "the API server does not serve kind \"Deploymnt\" in apps/v1; did you mean Deployment in apps/v1?"
            ) == true
        )
        let unknown = await #expect(throws: UnresolvedResource.self) {
            try await fixture.mapper.resource(apiVersion: "example.dev/v1", kind: "Widget")
        }
        #expect(unknown?.description.hasSuffix("is its CustomResourceDefinition installed?") == true)
        #expect(unknown?.retryAfter == DiscoveryCache.missInterval)
        let name = await #expect(throws: UnresolvedResource.self) {
            try await fixture.mapper.resource(named: "deploymets.apps")
        }
        #expect(name?.suggestions == ["deployments.apps"])
        let nonsense = await #expect(throws: UnresolvedResource.self) {
            try await fixture.mapper.resource(apiVersion: "../version", kind: "Pod")
        }
        #expect(nonsense?.suggestions == ["Pod in v1"])
    }

    @Test func `a kind that has appeared is found once its absence is old, or was invalidated`() async throws {
        let fixture = try Fixture()
        func find() async throws -> DiscoveredResource {
            try await fixture.mapper.resource(apiVersion: "example.dev/v1", kind: "Widget")
        }
        await #expect(throws: UnresolvedResource.self) { try await find() }
        fixture.install()
        fixture.clock.advance(by: .seconds(9))
        let soon = await #expect(throws: UnresolvedResource.self) { try await find() }
        #expect(soon?.retryAfter == .seconds(1))
        fixture.clock.advance(by: .seconds(1))
        #expect(try await find().api.plural == "widgets")
        // Known from now on, whatever way it is looked up, for nothing but what the server's order needs.
        #expect(fixture.server.paths.filter { $0 == "/apis/example.dev/v1" }.count == 2)

        let impatient = try Fixture()
        await #expect(throws: UnresolvedResource.self) { try await impatient.mapper.resource(named: "widget") }
        impatient.install()
        await #expect(throws: UnresolvedResource.self) { try await impatient.mapper.resource(named: "widget") }
        impatient.mapper.cache.invalidate()
        #expect(try await impatient.mapper.resource(named: "widget").api.group == "example.dev")
    }

    @Test func `a storm of unknown kinds costs a few requests per interval`() async throws {
        let fixture = try Fixture()
        func storm() async {
            await withDiscardingTaskGroup { group in
                for index in 0..<1000 {
                    group.addTask {
                        await #expect(throws: UnresolvedResource.self) {
                            try await fixture.mapper.resource(apiVersion: "group-\(index)/v1", kind: "Kind\(index)")
                        }
                        await #expect(throws: UnresolvedResource.self) {
                            try await fixture.mapper.resource(apiVersion: "apps/v1", kind: "Kind\(index)")
                        }
                    }
                }
            }
        }
        let perInterval = DiscoveryCache.versionReads + everything.count
        await storm()
        #expect(fixture.server.paths.count <= perInterval)
        await storm()
        #expect(fixture.server.paths.count <= perInterval)
        fixture.clock.advance(by: DiscoveryCache.missInterval)
        await storm()
        #expect(fixture.server.paths.count <= 2 * perInterval)
    }

    @Test func `a server that cannot be reached is an error of its own, which is not remembered`() async throws {
        let fixture = try Fixture()
        fixture.goDown()
        let error = await #expect(throws: KubeError.self) {
            try await fixture.mapper.resource(apiVersion: "apps/v1", kind: "Deployment")
        }
        #expect(error?.isRetryable == true)
        fixture.comeUp()
        #expect(
            try await fixture.mapper.resource(apiVersion: "apps/v1", kind: "Deployment").api.plural == "deployments"
        )
        #expect(try await fixture.mapper.resource(named: "po").api.kind == "Pod")
    }

    @Test func `a kind whose group is down is an error to be tried again, and what was known of it is kept`()
        async throws
    {
        let switches = Fixture.Switches()
        switches.isDown.withLock { $0 = true }
        let server = try DiscoveryServer { path in
            switch path {
            case "/api": (200, DiscoveryDocuments.versions)
            case "/api/v1": (200, DiscoveryDocuments.core)
            case "/apis": (200, DiscoveryDocuments.groups([("metrics.k8s.io", ["v1beta1"], "v1beta1")]))
            default:
                switches.isDown.withLock(\.self)
                    ? (503, "{}") : (200, DiscoveryDocuments.version("metrics.k8s.io/v1beta1", ["Load": "loads"]))
            }
        }
        let client = try server.client()
        defer { client.shutdown() }
        let mapper = RESTMapper(client: client)
        let unknown = await #expect(throws: UnresolvedResource.self) { try await mapper.resource(named: "loads") }
        #expect(unknown?.description.contains("metrics.k8s.io/v1beta1 (503") == true)
        let error = await #expect(throws: KubeError.self) {
            try await mapper.resource(apiVersion: "metrics.k8s.io/v1beta1", kind: "Load")
        }
        #expect(error?.code == .serverError(status: 503))
        switches.isDown.withLock { $0 = false }
        #expect(try await mapper.resource(apiVersion: "metrics.k8s.io/v1beta1", kind: "Load").api.plural == "loads")
        switches.isDown.withLock { $0 = true }
        try await mapper.refresh()
        #expect(mapper.cache.discovery.failures.map(\.apiVersion) == ["metrics.k8s.io/v1beta1"])
        #expect(try await mapper.resource(named: "loads").api.group == "metrics.k8s.io")
    }

    @Test func `what is old is read anew, and used all the same when the server is down`() async throws {
        let fixture = try Fixture()
        _ = try await fixture.mapper.resource(named: "deployments")
        fixture.install()
        fixture.clock.advance(by: DiscoveryCache.maximumAge)
        fixture.goDown()
        #expect(try await fixture.mapper.resource(named: "deployments").api.group == "apps")
        fixture.comeUp()
        _ = try await fixture.mapper.resource(named: "deployments")
        let count = fixture.server.paths.count
        #expect(try await fixture.mapper.resource(apiVersion: "example.dev/v1", kind: "Widget").api.kind == "Widget")
        #expect(fixture.server.paths.count == count)
    }
}

/// Against a real API server.
@Suite(.timeLimit(.minutes(4))) struct RESTMapperControlPlaneTests {
    @Test(arguments: [
        ("po", "pods"), ("deploy", "deployments.apps"), ("deployments.v1.apps", "deployments.apps"),
        ("crd", "customresourcedefinitions.apiextensions.k8s.io"), ("cj", "cronjobs.batch"), ("ev", "events"),
        ("sts.apps", "statefulsets.apps"), ("Lease", "leases.coordination.k8s.io"), ("ns", "namespaces"),
        ("ing", "ingresses.networking.k8s.io"),
    ])
    func `the names of built-in kinds are resolved`(_ name: String, _ expected: String) async throws {
        let client = try await ControlPlane.shared.client()
        defer { client.shutdown() }
        let mapper = RESTMapper(client: client)
        #expect(try await mapper.resource(named: name).api.qualifiedName == expected)
        #expect(mapper.cache.discovery.failures.isEmpty)
    }

    @Test func `built-in kinds are described`() async throws {
        let client = try await ControlPlane.shared.client()
        defer { client.shutdown() }
        let mapper = RESTMapper(client: client)
        let deployment = try await mapper.resource(apiVersion: "apps/v1", kind: "Deployment")
        #expect(deployment.api.isNamespaced)
        #expect(deployment.supports("get", "list", "watch", "create", "patch", "delete"))
        #expect(deployment.subresource("scale")?.apiVersion == "autoscaling/v1")
        #expect(deployment.subresource("status") != nil)
        #expect(try await mapper.resource(group: "", kind: "Node").api.isNamespaced == false)
        let discovery = try await mapper.refresh()
        #expect(discovery.groups.first?.name == "")
        #expect(discovery.resources.count > 40)
    }

    @Test func `objects of any kind are applied, found and followed to their owners`() async throws {
        let cluster = try await ControlPlane.shared
        let namespace = try await cluster.makeNamespace()
        let client = try cluster.client()
        defer { client.shutdown() }
        let object = try DynamicObject(json: [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "one"], "data": ["a": "1"],
        ])
        let error = await #expect(throws: KubeError.self) {
            try await client.apply(object, fieldManager: "tests")
        }
        #expect(error?.description.contains("names no namespace") == true)
        var applied = try await client.apply(object, fieldManager: "tests", namespace: namespace)
        #expect(applied.metadata.namespace == namespace)
        applied.content["data"] = ["a": "2"]
        applied = try await client.apply(applied, fieldManager: "tests")
        #expect(applied.content[path: "data", "a"] == "2")
        let configMaps = try await client.resources(named: "cm", namespace: namespace)
        #expect(try await configMaps.get("one").metadata.uid == applied.metadata.uid)
        var owner = OwnerReference()
        owner.apiVersion = "v1"
        owner.kind = "Namespace"
        let owners = try await client.resources(for: owner, of: applied.metadata)
        #expect(try await owners.get(namespace).kind == "Namespace")
        try await client.resources(for: applied).delete("one")
    }

    @Test func `a kind is found after its definition was installed`() async throws {
        let client = try await ControlPlane.shared.client()
        defer { client.shutdown() }
        let group = "m\(UInt32.random(in: .min ... .max)).example.dev"
        let mapper = RESTMapper(client: client)
        let missing = await #expect(throws: UnresolvedResource.self) {
            try await mapper.resource(apiVersion: "\(group)/v1", kind: "Widget")
        }
        #expect(missing?.description.contains("CustomResourceDefinition") == true)

        let definition: JSONValue = [
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": ["name": "widgets.\(group)"],
            "spec": [
                "group": .string(group), "scope": "Namespaced",
                "names": ["kind": "Widget", "plural": "widgets", "singular": "widget", "shortNames": ["wdg"]],
                "versions": [
                    [
                        "name": "v1", "served": true, "storage": true, "subresources": ["status": [:]],
                        "schema": [
                            "openAPIV3Schema": ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
                        ],
                    ]
                ],
            ],
        ]
        let installed = try await client.apply(DynamicObject(json: definition), fieldManager: "tests")
        let definitions = try await client.resources(for: installed)
        try await definitions.wait(for: "widgets.\(group)") { $0.hasCondition("Established") }

        // The server serves it a moment after it says so.
        let found = try await TestEnvironment.within(.seconds(120)) {
            while true {
                mapper.cache.invalidate()
                do {
                    return try await mapper.resource(apiVersion: "\(group)/v1", kind: "Widget")
                } catch is UnresolvedResource {
                    try Task.checkCancellation()
                }
            }
        }
        #expect(found?.api.plural == "widgets")
        #expect(found?.subresource("status") != nil)
        mapper.cache.invalidate()
        #expect(try await mapper.resource(named: "wdg.\(group)").api == found?.api)
        try await definitions.delete("widgets.\(group)")
    }
}
