import FaultServer
import Foundation
import HTTPTransport
import KubeClient
import ScriptedServers
import Testing

/// Credentials and certificates that are replaced while a server is followed.
@Suite(.timeLimit(.minutes(4))) struct RotationTests {
    private let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "rotation-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func write(_ bytes: [UInt8], to name: String) throws -> String {
        let path = "\(folder)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
        return path
    }

    private func identity(
        _ authority: TestCertificate,
        clientAuthority: TestCertificate? = nil
    ) throws -> ServerIdentity {
        let certificate = try TestCertificate("server", names: "IP:127.0.0.1", issuer: authority)
        return ServerIdentity(certificate, clientAuthority: clientAuthority)
    }

    @Test(arguments: [StreamedLists.supported, .refused])
    func `a token that was replaced in its file is used after the old one is refused`(
        lists: StreamedLists
    ) async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let server = try FaultyAPIServer(streamedLists: lists)
        server.put("a", ["v": "1"])
        let path = try write(Array("old".utf8), to: "token")
        let isOld = RequestPattern { $0.field("authorization") == "Bearer old" }
        let isNew = RequestPattern { $0.field("authorization") == "Bearer new" }
        let client = try server.client { $0.credentials = .tokenFile(path: path) }
        try await server.followed(by: client) { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            _ = try write(Array("new".utf8), to: "token")
            let before = server.count(isOld)
            server.plan(.answer(.unauthorized), for: isOld, times: .max)
            server.endWatches()
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
            // Refused once, renewed, and never used again.
            #expect(server.count(isOld) == before + 1)
            #expect(server.count(isNew) == 1)
        }
        #expect(server.relists == 1)
    }

    @Test func `a client certificate that was replaced in its file is shown once the old one is refused`() async throws
    {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let authority = try TestCertificate("authority", isAuthority: true)
        let old = try TestCertificate("old", issuer: authority)
        let new = try TestCertificate("new", issuer: authority)
        let server = try FaultyAPIServer(identity: try identity(authority, clientAuthority: authority))
        server.put("a", ["v": "1"])
        let certificate = try write(old.pem, to: "certificate")
        let key = try write(old.keyPEM, to: "key")
        let client = try server.client {
            $0.tls = HTTPTransport.TLS(
                certificateAuthorities: .data(authority.pem),
                clientCertificate: .file(certificate),
                clientKey: .file(key)
            )
        }
        try await server.followed(by: client) { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            #expect(server.requests.last?.clientName == "old")
            // One after the other: between the two writes the files do not belong together.
            _ = try write(new.pem, to: "certificate")
            _ = try write(new.keyPEM, to: "key")
            server.plan(.answer(.unauthorized), for: RequestPattern { $0.clientName == "old" }, times: .max)
            server.endWatches()
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
            #expect(server.requests.last?.clientName == "new")
        }
        #expect(server.relists <= 2)
    }

    @Test func `a server with a certificate of another authority is not followed until that is trusted`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let old = try TestCertificate("old authority", isAuthority: true)
        let new = try TestCertificate("new authority", isAuthority: true)
        let server = try FaultyAPIServer(identity: try identity(old))
        server.put("a", ["v": "1"])
        // Both are trusted before the server changes, as in any rotation that goes well.
        let path = try write(old.pem + new.pem, to: "ca.crt")
        let client = try server.client { $0.tls = HTTPTransport.TLS(certificateAuthorities: .file(path)) }
        try await server.followed(by: client) { follower in
            await follower.converge(with: server)
            await server.awaitOpenWatches()
            server.present(try identity(new))
            server.cutConnections()
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
            // One that nobody trusts: nothing gets through, nothing is lost.
            server.present(try identity(try TestCertificate("stranger", isAuthority: true)))
            let requests = server.requests.count
            let connections = server.connections
            server.cutConnections()
            server.put("a", ["v": "3"])
            while server.connections < connections + 2 { try await Task.sleep(for: .milliseconds(5)) }
            #expect(server.requests.count == requests)
            server.present(try identity(new))
            await follower.converge(with: server)
        }
        #expect(server.relists == 1)
    }
}
