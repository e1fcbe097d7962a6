import Foundation
import HTTPTransport
import JSON
import Logging
import TestEnvironment
import Testing

@testable import KubeClient

/// Credentials and connections against real servers.
@Suite(.timeLimit(.minutes(4))) struct ConnectionClusterTests {
    private let folder: CredentialFolder
    private let clock = ManualClock()

    init() throws { folder = try CredentialFolder() }

    private func connection(_ configuration: ClusterConfiguration) throws -> Connection {
        let clock = ConnectionClock(clock, startingAt: .now)
        return try Connection(configuration, logger: Logger(label: "test"), clock: clock)
    }

    /// Without credentials.
    private func configuration(_ cluster: ControlPlane) throws -> ClusterConfiguration {
        var configuration = try Kubeconfig.load(path: cluster.kubeconfig).configuration(environment: [:])
        configuration.credentials = .none
        return configuration
    }

    private func adminToken(_ cluster: ControlPlane) throws -> String {
        let configuration = try Kubeconfig.load(path: cluster.kubeconfig).configuration(environment: [:])
        guard case .token(let token) = configuration.credentials else { throw NotInKubeconfig(what: "token") }
        return token
    }

    private func authority(_ configuration: ClusterConfiguration) throws -> [UInt8] {
        guard case .data(let authority) = configuration.tls.certificateAuthorities else {
            throw NotInKubeconfig(what: "certificate-authority-data")
        }
        return authority
    }

    private struct NotInKubeconfig: Error { let what: String }

    private func get(
        _ path: String,
        _ connection: Connection,
        _ configuration: ClusterConfiguration,
        timeout: Duration = .seconds(120)
    ) async throws -> HTTPResponse {
        let ticket = try await connection.ticket()
        return try await get(path, ticket, configuration, timeout: timeout)
    }

    private func get(
        _ path: String,
        _ ticket: Connection.Ticket,
        _ configuration: ClusterConfiguration,
        timeout: Duration = .seconds(120)
    ) async throws -> HTTPResponse {
        var request = HTTPRequest(url: configuration.server + path)
        for field in ticket.fields { request.headers.append(HTTPHeader(field.name, field.value)) }
        request.timeout = timeout
        return try await ticket.transport.send(request)
    }

    /// Who the server takes the client for, by its words when it says no.
    private func user(_ connection: Connection, _ configuration: ClusterConfiguration) async throws -> String {
        let response = try await get("/api/v1/secrets", connection, configuration)
        let message = try JSONValue(parsing: response.body)["message"]?.string ?? ""
        return message.split(separator: "\"").dropFirst().first.map(String.init) ?? "\(response.status)"
    }

    @Test func `a rotated client certificate is who the client is from then on`() async throws {
        let cluster = try await ControlPlane.shared
        let directory = URL(fileURLWithPath: cluster.kubeconfig).deletingLastPathComponent()
        let authority = (
            directory.appendingPathComponent("ca.crt").path, directory.appendingPathComponent("ca.key").path
        )
        let usage = ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=clientAuth"]
        try folder.makeCertificate("client", subject: "/CN=alice", authority: authority, extensions: usage)
        var configuration = try configuration(cluster)
        configuration.tls.clientCertificate = .file(folder.path("client.crt"))
        configuration.tls.clientKey = .file(folder.path("client.key"))
        let connection = try connection(configuration)
        defer { connection.shutdown() }
        #expect(try await user(connection, configuration) == "alice")

        try folder.makeCertificate("client", subject: "/CN=bob", authority: authority, extensions: usage)
        #expect(try await user(connection, configuration) == "alice")
        clock.advance(by: IdentityFiles.interval)
        #expect(try await user(connection, configuration) == "bob")
        try folder.makeCertificate(
            "client",
            subject: "/CN=root/O=system:masters",
            authority: authority,
            extensions: usage
        )
        clock.advance(by: IdentityFiles.interval)
        #expect(try await get("/api/v1/secrets", connection, configuration).status == 200)
    }

    @Test func `rotation ends a watch for its owner to reopen, and no request that is under way`() async throws {
        let cluster = try await ControlPlane.shared
        var configuration = try configuration(cluster)
        configuration.credentials = .token(try adminToken(cluster))
        let authority = try authority(configuration)
        let file = try folder.write(String(decoding: authority, as: UTF8.self), to: "ca.crt")
        configuration.tls.certificateAuthorities = .file(file)
        let connection = try connection(configuration)
        defer { connection.shutdown() }
        let ticket = try await connection.ticket()
        var request = HTTPRequest(url: configuration.server + "/api/v1/nodes?watch=1&timeoutSeconds=60")
        for field in ticket.fields { request.headers.append(HTTPHeader(field.name, field.value)) }
        let watch = try await ticket.transport.stream(request)
        #expect(watch.status == 200)
        let asked = configuration
        // A request like others, though one that the server answers after two seconds: when nothing has happened until then.
        async let slow = get("/api/v1/nodes?watch=1&timeoutSeconds=2", ticket, asked)
        // Comes back over the same transport, so that the slow one is on its way.
        #expect(try await get("/api", ticket, configuration).status == 200)

        try folder.write(String(decoding: authority + authority, as: UTF8.self), to: "ca.crt")
        clock.advance(by: IdentityFiles.interval)
        #expect(try await get("/api", connection, configuration).status == 200)
        let error = await #expect(throws: TransferError.self) { try await watch.body.collect(upTo: 1 << 20) }
        #expect(error?.code == .connectionLost)
        #expect(error?.isRetryable == true)
        #expect(try await slow.status == 200)
        #expect(try await get("/api", ticket, configuration).status == 200)
    }

    @Test func `no request fails while certificates are rotated again and again`() async throws {
        let cluster = try await ControlPlane.shared
        var configuration = try configuration(cluster)
        configuration.credentials = .token(try adminToken(cluster))
        let authority = try authority(configuration)
        configuration.tls.certificateAuthorities = .file(
            try folder.write(String(decoding: authority, as: UTF8.self), to: "ca.crt")
        )
        let connection = try connection(configuration)
        defer { connection.shutdown() }
        let asked = configuration
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<30 where try await get("/api", connection, asked).status != 200 { return 0 }
                    return 200
                }
            }
            for round in 1...20 {
                let text = String(decoding: authority, as: UTF8.self) + String(repeating: "\n", count: round)
                try folder.write(text, to: "ca.crt")
                clock.advance(by: IdentityFiles.interval)
                #expect(try await get("/api", connection, asked).status == 200)
            }
            for try await status in group { #expect(status == 200) }
        }
        #expect(try await connection.ticket().generation == 20)
    }

    @Test func `an exec plugin's token is used, and a 401 leads to exactly one renewal`() async throws {
        let cluster = try await ControlPlane.shared
        try folder.write("stale", to: "token")
        let plugin = """
            echo run >>\(folder.path("runs"))
            cat <<END
            {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
             "status": {"token": "$(cat \(folder.path("token")))"}}
            END
            """
        var configuration = try configuration(cluster)
        configuration.credentials = .exec(
            ExecPlugin(command: try folder.script(plugin), environment: ["PATH": "/usr/bin:/bin"])
        )
        let connection = try connection(configuration)
        defer { connection.shutdown() }
        let stale = try await connection.ticket()
        #expect(try await get("/api", stale, configuration).status == 401)
        try folder.write(try adminToken(cluster), to: "token")
        let asked = configuration
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    guard await connection.renew(after: stale) else { return 401 }
                    return try await get("/api/v1/secrets", connection, asked).status
                }
            }
            for try await status in group { #expect(status == 200) }
        }
        #expect(folder.lines("runs") == 2)
    }

    @Test func `impersonation makes an administrator somebody else`() async throws {
        let cluster = try await ControlPlane.shared
        func message(_ impersonation: Impersonation, context: String? = nil) async throws -> String {
            var configuration = try Kubeconfig.load(path: cluster.kubeconfig).configuration(context: context)
            configuration.impersonation = impersonation
            let connection = try connection(configuration)
            defer { connection.shutdown() }
            let response = try await get("/api/v1/secrets", connection, configuration)
            return try JSONValue(parsing: response.body)["message"]?.string ?? "\(response.status)"
        }
        #expect(try await message(Impersonation(user: "jane")).contains("User \"jane\" cannot list"))
        #expect(try await message(Impersonation(user: "jane", groups: ["a", "system:masters"])) == "200")
        let extra = Impersonation(user: "jane", groups: ["system:masters"], extra: ["example.com/s": ["v"]])
        #expect(try await message(extra) == "200")
        let nobody = try await message(Impersonation(user: "admin"), context: "nobody")
        #expect(nobody.contains("User \"honua-test\" cannot impersonate"))
    }

    @Test func `a kubeconfig with as makes the client somebody else`() async throws {
        let cluster = try await ControlPlane.shared
        let text = try String(contentsOfFile: cluster.kubeconfig, encoding: .utf8)
        let path = try folder.write(
            text.replacingOccurrences(of: "user: {token:", with: "user: {as: jane, token:"),
            to: "k"
        )
        let client = try KubeClient(.load(kubeconfig: path, environment: [:]), logger: Logger(label: "test"))
        defer { client.shutdown() }
        let secrets = client.resources(APIResource(version: "v1", kind: "Secret", plural: "secrets"))
        let error = await #expect(throws: KubeError.self) { try await secrets.list() }
        #expect(error?.code == .forbidden)
        #expect(error?.description.contains("jane") == true)
    }

    @Test func `a rotated authority is trusted after a minute, the old one no longer`() async throws {
        for name in ["one", "two"] {
            try folder.makeCertificate(name, subject: "/CN=\(name)")
            try folder.makeCertificate(
                "server-\(name)",
                subject: "/CN=server",
                authority: ("\(name).crt", "\(name).key"),
                extensions: ["subjectAltName=IP:127.0.0.1", "basicConstraints=critical,CA:FALSE"]
            )
        }
        let one = try await TLSServer(folder.path("server-one"))
        let two = try await TLSServer(folder.path("server-two"))
        defer { [one, two].forEach { $0.end() } }
        try folder.write(try folder.read("one.crt"), to: "ca.crt")
        try folder.write("default", to: "namespace")
        try folder.write("t", to: "token")
        let configuration = try #require(
            try ClusterConfiguration.inCluster(
                environment: ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "\(one.port)"],
                directory: folder.path
            )
        )
        var moved = configuration
        moved.server = "https://127.0.0.1:\(two.port)"
        let connection = try connection(configuration)
        defer { connection.shutdown() }
        #expect(try await get("/", connection, configuration).status == 200)
        await #expect(throws: TransferError.self) { try await get("/", connection, moved) }
        try folder.write(try folder.read("two.crt"), to: "ca.crt")
        await #expect(throws: TransferError.self) { try await get("/", connection, moved) }
        clock.advance(by: IdentityFiles.interval)
        #expect(try await get("/", connection, moved).status == 200)
        let error = await #expect(throws: TransferError.self) { try await get("/", connection, configuration) }
        #expect(error?.code == .tls)
    }
}

/// A TLS server that answers every request with a page about its connection.
private struct TLSServer {
    let port: Int
    private let child: ChildProcess

    init(_ certificate: String) async throws {
        child = try ChildProcess(
            URL(fileURLWithPath: "/usr/bin/openssl"),
            ["s_server", "-accept", "127.0.0.1:0", "-www", "-cert", "\(certificate).crt", "-key", "\(certificate).key"]
        )
        let line = try await child.line(containing: "ACCEPT 127.0.0.1:")
        port = try #require(line.split(separator: ":").last.flatMap { Int($0) })
    }

    func end() { child.signal(SIGKILL) }
}
