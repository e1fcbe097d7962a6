import Foundation
import HTTPTransport
import JSON
import Logging
import TestClock
import TestEnvironment
import Testing

@testable import KubeClient

/// What a connection makes of files that change, by a clock that is moved by hand. Nothing is sent.
@Suite(.timeLimit(.minutes(4))) struct ConnectionTests {
    private let folder: CredentialFolder
    private let clock = ManualClock()

    init() throws {
        folder = try CredentialFolder()
        try folder.makeCertificate("ca", subject: "/CN=one")
        try folder.makeCertificate("client", subject: "/CN=client")
        try folder.write("first", to: "token")
    }

    private func connection(
        _ change: (inout ClusterConfiguration) throws -> Void = { _ in },
        logger: Logger = Logger(label: "test")
    ) throws -> Connection {
        var configuration = ClusterConfiguration(server: "https://127.0.0.1:1")
        configuration.tls.certificateAuthorities = .file(folder.path("ca.crt"))
        configuration.tls.clientCertificate = .file(folder.path("client.crt"))
        configuration.tls.clientKey = .file(folder.path("client.key"))
        configuration.credentials = .tokenFile(path: folder.path("token"))
        try change(&configuration)
        let clock = ConnectionClock(clock, startingAt: Timestamp(seconds: 1_800_000_000))
        return try Connection(configuration, logger: logger, clock: clock)
    }

    private func fields(_ ticket: Connection.Ticket) -> [String] {
        ticket.fields.map { "\($0.name): \($0.value)" }
    }

    @Test func `a token file is read again after a minute`() async throws {
        let connection = try connection()
        let first = try await connection.ticket()
        #expect(fields(first) == ["Authorization: Bearer first"])
        try folder.write("second\n", to: "token")
        clock.advance(by: .milliseconds(59_999))
        #expect(fields(try await connection.ticket()) == fields(first))
        clock.advance(by: .milliseconds(1))
        let second = try await connection.ticket()
        #expect(fields(second) == ["Authorization: Bearer second"])
        #expect(second.generation == first.generation + 1)
        #expect(second.transport === first.transport)
    }

    @Test func `a refused token is read again at once`() async throws {
        let connection = try connection()
        let first = try await connection.ticket()
        #expect(await connection.renew(after: first) == false)
        try folder.write("second", to: "token")
        #expect(await connection.renew(after: first))
        // Somebody else who was refused with the first one.
        try folder.write("third", to: "token")
        #expect(await connection.renew(after: first))
        #expect(fields(try await connection.ticket()) == ["Authorization: Bearer second"])
    }

    @Test(arguments: ["ca", "client"])
    func `changed certificates bring a new transport, and a ticket keeps the old one`(name: String) async throws {
        let connection = try connection()
        let first = try await connection.ticket()
        try folder.makeCertificate(name, subject: "/CN=two")
        #expect(try await connection.ticket().transport === first.transport)
        clock.advance(by: IdentityFiles.interval)
        let second = try await connection.ticket()
        #expect(second.transport !== first.transport)
        #expect(second.generation == first.generation + 1)
        #expect(try await connection.ticket().transport === second.transport)
    }

    @Test func `the old transport goes with the last ticket for it`() async throws {
        let connection = try connection()
        var first: Connection.Ticket? = try await connection.ticket()
        weak let old = first?.transport
        try folder.makeCertificate("ca", subject: "/CN=two")
        clock.advance(by: IdentityFiles.interval)
        _ = try await connection.ticket()
        #expect(old != nil)
        _ = consume first
        first = nil
        #expect(old == nil)
    }

    @Test func `what is missing, half written or of another pair changes nothing, and is logged once`() async throws {
        let log = CredentialLog()
        let connection = try connection(logger: log.logger)
        let first = try await connection.ticket()
        let (certificate, key) = (try folder.read("client.crt"), try folder.read("client.key"))
        func look() async throws {
            clock.advance(by: IdentityFiles.interval)
            #expect(try await connection.ticket().transport === first.transport)
        }
        try folder.makeCertificate("other", subject: "/CN=other")
        try folder.write(try folder.read("other.crt"), to: "client.crt")
        try await look()
        try await look()
        #expect(log.lines.count == 1)
        #expect(log.lines.first?.contains("client.crt cannot be used: the key is not the certificate's") == true)
        try folder.write(String(certificate.prefix(100)), to: "client.crt")
        try await look()
        #expect(log.lines.last?.contains("there is no certificate in PEM form") == true)
        try folder.write(certificate, to: "client.crt")
        try FileManager.default.removeItem(atPath: folder.path("client.key"))
        try await look()
        #expect(log.lines.last?.contains("client.key: No such file or directory") == true)
        try folder.write(key, to: "client.key")
        try folder.write(" \n", to: "token")
        try await look()
        #expect(log.lines.last?.contains("token is empty") == true)
        try folder.write("first", to: "token")
        try await look()
        #expect(log.lines.count == 4)
        #expect(!log.lines.contains { $0.contains("BEGIN") })
        #expect(try await connection.ticket().generation == first.generation)
    }

    @Test(arguments: ["ca.crt", "client.crt", "client.key", "token"])
    func `what cannot be used from the start is said at the start`(name: String) throws {
        try FileManager.default.removeItem(atPath: folder.path(name))
        let error = #expect(throws: ConfigurationError.self) { try connection() }
        #expect(error?.description == "cannot read \(folder.path(name)): No such file or directory")
    }

    @Test func `a key with a passphrase is refused and nobody is asked for it`() throws {
        let path = folder.path("client.key")
        let process = try Process.run(
            URL(fileURLWithPath: "/usr/bin/openssl"),
            arguments: ["ec", "-aes128", "-passout", "pass:x", "-in", path, "-out", path + ".new"]
        )
        process.waitUntilExit()
        let error = #expect(throws: ConfigurationError.self) {
            try connection { $0.tls.clientKey = .file(path + ".new") }
        }
        #expect(error?.description.contains("without a passphrase") == true)
    }

    @Test func `certificate and key may stand in one file`() throws {
        let both = try folder.write(try folder.read("client.key") + folder.read("client.crt"), to: "both")
        _ = try connection {
            $0.tls.clientCertificate = .file(both)
            $0.tls.clientKey = nil
        }
    }

    @Test func `impersonation goes along, each group in a field of its own`() async throws {
        let connection = try connection {
            $0.credentials = .basic(user: "a", password: "b")
            $0.impersonation = Impersonation(
                user: "jane",
                uid: "7",
                groups: ["g", "h"],
                extra: ["Example.com/scope%": ["v", "w"]]
            )
        }
        #expect(
            fields(try await connection.ticket()) == [
                "Authorization: Basic YTpi", "Impersonate-User: jane", "Impersonate-Uid: 7", "Impersonate-Group: g",
                "Impersonate-Group: h", "Impersonate-Extra-example.com%2Fscope%25: v",
                "Impersonate-Extra-example.com%2Fscope%25: w",
            ]
        )
    }

    @Test func `a plugin's certificate is used, and another one brings a new transport`() async throws {
        let script = """
            escape() { awk '{printf "%s\\\\n", $0}' "$1"; }
            cat <<END
            {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "t",
             "clientCertificateData": "$(escape \(folder.path("client.crt")))",
             "clientKeyData": "$(escape \(folder.path("client.key")))"}}
            END
            """
        var plugin = ExecPlugin(command: try folder.script(script), environment: ["PATH": "/usr/bin:/bin"])
        plugin.interactiveMode = .never
        let connection = try connection {
            $0.tls = HTTPTransport.TLS()
            $0.credentials = .exec(plugin)
        }
        let first = try await connection.ticket()
        #expect(fields(first) == ["Authorization: Bearer t"])
        #expect(await connection.renew(after: first) == false)
        try folder.makeCertificate("client", subject: "/CN=two")
        clock.advance(by: ExecCredentialSource.pauseAfterRepetition)
        #expect(await connection.renew(after: first))
        #expect(try await connection.ticket().transport !== first.transport)
    }

    @Test func `after shutdown nothing is made any more`() async throws {
        let connection = try connection()
        let ticket = try await connection.ticket()
        connection.shutdown()
        try folder.makeCertificate("ca", subject: "/CN=two")
        clock.advance(by: IdentityFiles.interval)
        #expect(try await connection.ticket().transport === ticket.transport)
        let error = await #expect(throws: TransferError.self) {
            try await ticket.transport.send(HTTPRequest(url: "https://127.0.0.1:1/"))
        }
        #expect(error?.code == .shutDown)
        connection.shutdown()
    }
}
