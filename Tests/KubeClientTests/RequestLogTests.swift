import FaultServer
import JSON
import Logging
import Testing

@testable import KubeClient

@Suite(.timeLimit(.minutes(4))) struct RequestLogTests {
    private let server: FaultyAPIServer

    init() throws { server = try FaultyAPIServer([ServedKind(kind: "Secret", plural: "secrets")]) }

    private func secrets(_ client: KubeClient) -> ResourceClient<DynamicObject> {
        client.resources(APIResource(version: "v1", kind: "Secret", plural: "secrets"), namespace: "shop")
    }

    private func secret(_ name: String) throws -> DynamicObject {
        try DynamicObject(json: ["metadata": ["name": .string(name)], "data": ["password": "aHVudGVyMg=="]])
    }

    @Test func `each attempt is a debug line that says what was asked, what came back and how long it took`()
        async throws
    {
        let log = CredentialLog(.debug)
        let client = try server.client(logger: log.logger)
        defer { client.shutdown() }
        server.plan(.answer(.unavailable(retryAfter: 1)), for: .any)
        _ = try await secrets(client).create(secret("s"))
        #expect(log.lines.count == 2)
        let words = [#"create secrets "s" in namespace "shop""#, "kube.operation", "duration", "seconds"]
        for word in words { #expect(log.lines.allSatisfy { $0.contains(word) }, "\(word)") }
        #expect(log.lines[0].contains("503"))
        #expect(log.lines[1].contains("201"))
    }

    @Test func `nothing secret is logged, nor told by errors, whatever happens`() async throws {
        let log = CredentialLog(.trace)
        let client = try server.client({ $0.credentials = .token("bearer-secret") }, logger: log.logger)
        defer { client.shutdown() }
        let secrets = secrets(client)
        var errors: [String] = []
        func attempt(_ body: () async throws -> Void) async {
            do { try await body() } catch { errors.append("\(error)") }
        }
        await attempt { _ = try await secrets.create(secret("s")) }
        await attempt { _ = try await secrets.create(secret("s")) }
        await attempt { _ = try await secrets.get("s") }
        server.plan(.answer(.unauthorized), for: .any)
        await attempt { _ = try await secrets.get("s") }
        server.plan(.cut(afterBytes: 50, .truncation), for: .any)
        await attempt { _ = try await secrets.get("s") }
        server.plan(.cut(afterBytes: 50, .close), for: .method("PUT"))
        await attempt { _ = try await secrets.replace(secret("s")) }
        await attempt { for try await _ in secrets.watch(from: "1", timeout: .seconds(1)) { return } }
        #expect(log.lines.count >= 7)
        #expect(errors.count == 4)
        for line in log.lines + errors {
            for hidden in ["bearer-secret", "aHVudGVyMg", "Authorization", "Bearer", "password"] {
                #expect(!line.contains(hidden), "\(line)")
            }
        }
    }

    @Test func `a warning of the server is logged once, in its own words`() async throws {
        let log = CredentialLog()
        let client = try server.client(logger: log.logger)
        defer { client.shutdown() }
        var answer = StatusAnswer(200, "", "")
        answer.fields = [
            ("Warning", #"299 - "extensions/v1beta1 Ingress is \"deprecated\"""#), ("Warning", #"299 - "another""#),
            ("Warning", #"199 - "not for us""#),
        ]
        server.plan(.answer(answer), for: .any, times: 3)
        for _ in 0..<3 { _ = try await client.version() }
        #expect(log.lines.count == 2)
        #expect(log.lines.first?.contains(#"extensions/v1beta1 Ingress is "deprecated""#) == true)
        #expect(log.lines.last?.contains("another") == true)
    }
}
