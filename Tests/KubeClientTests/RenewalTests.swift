import FaultServer
import ScriptedServers
import Testing

@testable import KubeClient

/// What becomes of a request that is refused with 401.
@Suite(.timeLimit(.minutes(4))) struct RenewalTests {
    private let server: FaultyAPIServer
    private let folder: CredentialFolder

    init() throws {
        server = try FaultyAPIServer()
        server.put("a")
        folder = try CredentialFolder()
        try folder.write("old", to: "token")
    }

    private func refuse(_ token: String) {
        let pattern = RequestPattern { $0.field("authorization") == "Bearer \(token)" }
        server.plan(.answer(.unauthorized), for: pattern, times: 100)
    }

    private func client(_ credentials: Credentials? = nil) throws -> KubeClient {
        try server.client { $0.credentials = credentials ?? .tokenFile(path: folder.path("token")) }
    }

    /// A plugin that gives a new token each time: `t1`, `t2` and so on.
    private func plugin() throws -> ExecPlugin {
        let runs = folder.path("runs")
        let script = """
            echo run >>\(runs)
            echo "{\\"apiVersion\\": \\"client.authentication.k8s.io/v1\\", \\"kind\\": \\"ExecCredential\\",
                \\"status\\": {\\"token\\": \\"t$(grep -c run \(runs))\\"}}"
            """
        return ExecPlugin(command: try folder.script(script), environment: ["PATH": "/usr/bin:/bin"])
    }

    private var tokens: [String?] { server.requests.map { $0.field("authorization") } }

    @Test func `a read is repeated with a token from the file`() async throws {
        refuse("old")
        let client = try client()
        defer { client.shutdown() }
        try folder.write("new", to: "token")
        #expect(try await client.configMaps.get("a").metadata.name == "a")
        #expect(tokens == ["Bearer old", "Bearer new"])
    }

    @Test func `a read is repeated once, however often it is refused`() async throws {
        server.plan(.answer(.unauthorized), for: .any, times: 100)
        let client = try client(.exec(plugin()))
        defer { client.shutdown() }
        let error = await #expect(throws: KubeError.self) { try await client.configMaps.get("a") }
        #expect(error?.code == .unauthorized)
        #expect(tokens == ["Bearer t1", "Bearer t2"])
        #expect(folder.lines("runs") == 2)
    }

    @Test func `a read is not repeated with the credentials that were refused`() async throws {
        refuse("old")
        let client = try client()
        defer { client.shutdown() }
        let error = await #expect(throws: KubeError.self) { try await client.configMaps.get("a") }
        #expect(error?.code == .unauthorized)
        #expect(tokens == ["Bearer old"])
    }

    @Test func `a write is not repeated, but the next one has new credentials`() async throws {
        refuse("t1")
        let client = try client(.exec(plugin()))
        defer { client.shutdown() }
        let error = await #expect(throws: KubeError.self) { try await client.configMaps.create(ConfigMap("b")) }
        #expect(error?.code == .unauthorized)
        #expect(tokens == ["Bearer t1"])
        _ = try await client.configMaps.create(ConfigMap("b"))
        #expect(tokens == ["Bearer t1", "Bearer t2"])
        #expect(folder.lines("runs") == 2)
    }

    @Test func `many reads that are refused together renew once`() async throws {
        refuse("t1")
        let client = try client(.exec(plugin()))
        defer { client.shutdown() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<10 { group.addTask { _ = try await client.configMaps.get("a") } }
            try await group.waitForAll()
        }
        #expect(folder.lines("runs") == 2)
    }

    @Test func `credentials that cannot be had are an error of the request, which sends nothing`() async throws {
        let script = try folder.script("echo secret-output; exit 3")
        let client = try client(.exec(ExecPlugin(command: script, environment: ["PATH": "/usr/bin:/bin"])))
        defer { client.shutdown() }
        let error = await #expect(throws: KubeError.self) { try await client.configMaps.get("a") }
        #expect(error?.code == .credentials)
        #expect(error?.isRetryable == true)
        #expect(error?.description.hasPrefix("get configmaps \"a\" in namespace \"default\" failed: ") == true)
        #expect(error?.description.contains("secret-output") == false)
        #expect(server.requests.isEmpty)
    }
}
