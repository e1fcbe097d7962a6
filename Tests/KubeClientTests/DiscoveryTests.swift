import JSON
import Synchronization
import Testing

@testable import KubeClient

/// What a server says of itself, in both forms.
@Suite(.timeLimit(.minutes(4))) struct DiscoveryTests {
    @Test func `a version under its own path is read with its subresources`() throws {
        let document = try JSONValue(parsing: DiscoveryDocuments.core)
        let version = try #require(DiscoveryDocument.version(document, GroupVersion(group: "", version: "v1")))
        #expect(version.resources.map(\.api.plural) == ["namespaces", "pods", "events"])
        let pods = version.resources[1]
        #expect(pods.api == APIResource(version: "v1", kind: "Pod", plural: "pods"))
        #expect(pods.singular == "pod")
        #expect(pods.shortNames == ["po"])
        #expect(pods.categories == ["all"])
        #expect(pods.supports("get", "watch") && !pods.supports("get", "deletecollection"))
        #expect(pods.subresources.map(\.name) == ["eviction", "log"])
        #expect(pods.subresource("eviction")?.apiVersion == "policy/v1beta1")
        #expect(pods.subresource("eviction")?.kind == "Eviction")
        #expect(pods.subresource("log")?.apiVersion == "v1")
        #expect(!version.resources[0].api.isNamespaced)
    }

    @Test func `aggregated documents say everything at once, and the stale is a failure`() async throws {
        let server = try DiscoveryServer { path in
            switch path {
            case "/api": (200, DiscoveryDocuments.aggregatedCore)
            case "/apis": (200, DiscoveryDocuments.aggregatedGroups)
            default: (500, "{}")
            }
        }
        let client = try server.client()
        defer { client.shutdown() }
        let discovery = try await client.discover()
        #expect(server.paths.sorted() == ["/api", "/apis"])
        #expect(discovery.groups.map(\.name) == ["", "apps", "metrics.k8s.io", "of.the.future"])
        #expect(discovery.resources.map(\.api.qualifiedName) == ["pods", "namespaces", "deployments.apps"])
        #expect(discovery.failures.map(\.apiVersion) == ["metrics.k8s.io/v1beta1"])
        let pods = try #require(discovery.resource(apiVersion: "v1", kind: "Pod"))
        #expect(pods.api.isNamespaced && pods.shortNames == ["po"] && pods.verbs == ["get", "list", "watch"])
        #expect(pods.subresource("eviction")?.apiVersion == "policy/v1")
        #expect(pods.subresource("log")?.apiVersion == "v1")
        #expect(discovery.resource(apiVersion: "v1", kind: "Namespace")?.api.isNamespaced == false)
        let scale = discovery.resource(named: "deploy")?.subresource("scale")
        #expect(scale?.kind == "Scale" && scale?.apiVersion == "autoscaling/v1" && scale?.verbs == ["get", "patch"])
    }

    @Test func `an older server is asked for each version, the preferred one first in its group`() async throws {
        let server = try DiscoveryServer { path in
            switch path {
            case "/api": (200, DiscoveryDocuments.versions)
            case "/api/v1": (200, DiscoveryDocuments.core)
            case "/apis": (200, DiscoveryDocuments.groups([("batch", ["v1beta1", "v1"], "v1")]))
            case "/apis/batch/v1": (200, DiscoveryDocuments.version("batch/v1", ["Job": "jobs"]))
            case "/apis/batch/v1beta1":
                (200, DiscoveryDocuments.version("batch/v1beta1", ["Job": "jobs", "CronJob": "cronjobs"]))
            default: (404, "{}")
            }
        }
        let client = try server.client()
        defer { client.shutdown() }
        let discovery = try await client.discover()
        #expect(discovery.failures.isEmpty)
        #expect(discovery.groups.map(\.name) == ["", "batch"])
        #expect(discovery.groups.last?.versions.map(\.name) == ["v1", "v1beta1"])
        let preferred = discovery.preferredResources.map { "\($0.api.apiVersion) \($0.api.kind)" }
        #expect(preferred.suffix(2) == ["batch/v1 Job", "batch/v1beta1 CronJob"])
    }

    @Test func `a group whose server is down is named, and the others are there`() async throws {
        let server = try DiscoveryServer { path in
            switch path {
            case "/api": (200, DiscoveryDocuments.versions)
            case "/api/v1": (200, DiscoveryDocuments.core)
            case "/apis":
                (
                    200,
                    DiscoveryDocuments.groups([
                        ("metrics.k8s.io", ["v1beta1"], "v1beta1"), ("apps", ["v1"], "v1"), ("gone", ["v1"], "v1"),
                    ])
                )
            case "/apis/apps/v1": (200, DiscoveryDocuments.version("apps/v1", ["Deployment": "deployments"]))
            case "/apis/gone/v1": (404, "{}")
            default: (503, #"{"kind":"Status","message":"service unavailable","code":503}"#)
            }
        }
        let client = try server.client()
        defer { client.shutdown() }
        let discovery = try await client.discover()
        #expect(discovery.resource(named: "deployments") != nil)
        #expect(discovery.resource(named: "pods") != nil)
        #expect(discovery.failures.map(\.apiVersion) == ["metrics.k8s.io/v1beta1"])
        #expect(discovery.failures.first?.description.contains("503") == true)
    }

    @Test func `a server that answers nothing of use is an error that says so`() async throws {
        let silent = try DiscoveryServer { path in
            path == "/api" ? (200, DiscoveryDocuments.versions) : (503, #"{"message":"etcd is gone"}"#)
        }
        let client = try silent.client()
        defer { client.shutdown() }
        let unavailable = await #expect(throws: KubeError.self) { try await client.discover() }
        #expect(unavailable?.code == .serverError(status: 503))
        let proxy = try DiscoveryServer { _ in (200, #"{"hello":"world"}"#) }
        let other = try proxy.client()
        defer { other.shutdown() }
        let unreadable = await #expect(throws: KubeError.self) { try await other.discover() }
        #expect(unreadable?.code == .unreadable)
    }

    private static let known = Discovery(groups: [
        group("", ["v1": [("Pod", "pods", ["po"]), ("Event", "events", ["ev"]), ("Service", "services", ["svc"])]]),
        group("extensions", ["v1beta1": [("Ingress", "ingresses", ["ing"])]]),
        group("apps", ["v1": [("Deployment", "deployments", ["deploy"]), ("ReplicaSet", "replicasets", ["rs"])]]),
        group("events.k8s.io", ["v1": [("Event", "events", ["ev"])]]),
        group("networking.k8s.io", ["v1": [("Ingress", "ingresses", ["ing"])]]),
        group("example.dev", ["v1": [("Rs", "deploy", [])]]),
    ])

    private static func group(_ name: String, _ versions: [String: [(String, String, [String])]]) -> Discovery.Group {
        Discovery.Group(
            name: name,
            versions: versions.map { version, kinds in
                Discovery.Version(
                    name: version,
                    resources: kinds.map { kind, plural, shortNames in
                        DiscoveredResource(
                            api: APIResource(group: name, version: version, kind: kind, plural: plural),
                            shortNames: shortNames
                        )
                    }
                )
            }
        )
    }

    @Test(
        arguments: [
            ("pods", "pods"), ("pod", "pods"), ("po", "pods"), ("Pod", "pods"), ("PODS", "pods"), ("pods.v1.", "pods"),
            ("deployments.apps", "deployments.apps"), ("deployment.v1.apps", "deployments.apps"),
            ("deploy.apps", "deployments.apps"), ("Deployment.v1.apps", "deployments.apps"),
            // A whole name of one group goes before the short name of another.
            ("deploy", "deploy.example.dev"), ("rs", "deploy.example.dev"),
            // The server's order decides, the core group first.
            ("events", "events"), ("events.events.k8s.io", "events.events.k8s.io"), ("ing", "ingresses.extensions"),
            ("ingress.networking.k8s.io", "ingresses.networking.k8s.io"),
            // The beginning of a group is enough.
            ("ing.networking", "ingresses.networking.k8s.io"), ("events.ev", "events.events.k8s.io"),
            ("deployments.v2.apps", nil), ("deployments.batch", nil), ("nothing", nil), ("", nil), (".", nil),
            ("..", nil),
            ("pods.v1.apps", nil),
        ] as [(String, String?)]
    )
    func `names are resolved as kubectl does`(_ name: String, _ expected: String?) {
        #expect(Self.known.resource(named: name)?.api.qualifiedName == expected)
    }

    @Test func `of several versions the wanted one is taken, or else the server's first that has the kind`() {
        let discovery = Discovery(groups: [
            Discovery.Group(
                name: "batch",
                versions: ["v1", "v2", "v3"].map { version in
                    let kinds = version == "v1" ? ["Job"] : ["Job", "CronJob"]
                    return Discovery.Version(
                        name: version,
                        resources: kinds.map { kind in
                            let api = APIResource(group: "batch", version: version, kind: kind, plural: kind)
                            return DiscoveredResource(api: api)
                        }
                    )
                }
            )
        ])
        func version(_ kind: String, _ preferred: String? = nil) -> String? {
            discovery.resource(group: "batch", kind: kind, preferredVersion: preferred)?.api.version
        }
        #expect(version("Job") == "v1")
        #expect(version("CronJob") == "v2")
        #expect(version("CronJob", "v3") == "v3")
        #expect(version("CronJob", "v1") == "v2")
        #expect(version("CronTab") == nil)
    }

    @Test(
        arguments: [
            ("Deploymnt", "apps/v1", ["Deployment in apps/v1"]),
            ("deployment", "apps/v1", ["Deployment in apps/v1"]),
            ("Deployment", "extensions/v1beta1", ["Deployment in apps/v1"]),
            ("Ingress", "networking.k8s.io/v2", ["Ingress in extensions/v1beta1", "Ingress in networking.k8s.io/v1"]),
            ("Ingres", "networking.k8s.io/v1", ["Ingress in networking.k8s.io/v1", "Ingress in extensions/v1beta1"]),
            ("Widget", "example.dev/v1", []),
        ] as [(String, String, [String])]
    )
    func `close matches are suggested, the best first`(_ kind: String, _ apiVersion: String, _ expected: [String]) {
        #expect(Self.known.suggestions(kind: kind, apiVersion: apiVersion) == expected)
    }

    @Test(arguments: [
        ("kitten", "sitting", 3), ("", "abc", 3), ("abc", "abc", 0), ("deploymnt", "deployment", 1),
    ])
    func `the distance of words is counted in letters`(_ first: String, _ second: String, _ expected: Int) {
        #expect(EditDistance.between(first, second, limit: 5) == expected)
        #expect(EditDistance.between(second, first, limit: 5) == expected)
    }

    @Test(arguments: ["", "/", "a/", "/v1", "a/b/c", "../v1", "apps/..", "."])
    func `what is no apiVersion is not made part of a path`(_ text: String) {
        #expect(GroupVersion(text) == nil)
    }

    @Test func `a cancelled caller leaves at once and the others get the result`() async throws {
        let flights = SingleFlight<String, Int>()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let (started, didStart) = AsyncStream<Void>.makeStream()
        let runs = Mutex(0)
        let work: @Sendable () async throws -> Int = {
            runs.withLock { $0 += 1 }
            didStart.finish()
            for await _ in gate {}
            try Task.checkCancellation()
            return 7
        }
        let first = Task { try await flights.value(for: "a", work) }
        for await _ in started {}
        let second = Task { try await flights.value(for: "a", work) }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        open.finish()
        #expect(try await second.value == 7)
    }

    @Test func `work that nobody waits for any more is cancelled, and can be started again`() async throws {
        let flights = SingleFlight<String, Int>()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let (started, didStart) = AsyncStream<Void>.makeStream()
        let caller = Task {
            try await flights.value(for: "a") {
                didStart.finish()
                // Ends when its task is cancelled.
                for await _ in gate {}
                open.finish()
                return Task.isCancelled ? 1 : 2
            }
        }
        for await _ in started {}
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
        #expect(try await flights.value(for: "a") { 3 } == 3)
    }
}
