import HTTPTransport
import ScriptedServers
import Testing

@Suite(.timeLimit(.minutes(4)))
struct TLSTests {
    let authority: TestCertificate
    let identity: ServerIdentity

    init() throws {
        authority = try TestCertificate("test authority", isAuthority: true)
        identity = ServerIdentity(
            try TestCertificate("server", names: "IP:127.0.0.1,DNS:kubernetes.test", issuer: authority)
        )
    }

    func server(_ identity: ServerIdentity) throws -> ScriptedServer {
        try ScriptedServer(identity) { connection in
            while true { try connection.respond("200 OK", try connection.readRequest().value(of: "host") ?? "") }
        }
    }

    func send(
        _ tls: HTTPTransport.TLS,
        to server: ScriptedServer,
        host: String = "127.0.0.1"
    ) async throws(TransferError) -> HTTPResponse {
        let transport = try HTTPTransport(HTTPTransport.Configuration(tls: tls))
        return try await transport.send(HTTPRequest(url: "https://\(host):\(server.port)/"))
    }

    @Test func `a server of the configured authority is trusted`() async throws {
        let server = try server(identity)
        let tls = HTTPTransport.TLS(certificateAuthorities: .data(authority.pem))
        #expect(try await send(tls, to: server).status == 200)
    }

    @Test func `a server of another authority is not, and the error says why`() async throws {
        let server = try server(identity)
        let other = try TestCertificate("other authority", isAuthority: true)
        for tls in [HTTPTransport.TLS(), .init(certificateAuthorities: .data(other.pem))] {
            let error = await transferError { () throws(TransferError) in try await send(tls, to: server) }
            #expect(error?.code == .tls)
            #expect(error?.message.contains("SSL certificate problem: unable to get local issuer certificate") == true)
            #expect(error?.curlCode == 60)
            #expect(error?.isRetryable == false)
        }
    }

    @Test func `an authority of the same name with another key is another authority`() async throws {
        let server = try server(identity)
        let namesake = try TestCertificate("test authority", isAuthority: true)
        let tls = HTTPTransport.TLS(certificateAuthorities: .data(namesake.pem))
        let error = await transferError { () throws(TransferError) in try await send(tls, to: server) }
        #expect(error?.code == .tls)
    }

    @Test func `a certificate for another name is not trusted`() async throws {
        let server = try server(identity)
        let tls = HTTPTransport.TLS(certificateAuthorities: .data(authority.pem))
        let error = await transferError { () throws(TransferError) in try await send(tls, to: server, host: "localhost")
        }
        #expect(error?.code == .tls)
        #expect(error?.message.contains("no alternative certificate subject name matches") == true)
    }

    @Test func `verification can be switched off`() async throws {
        let server = try server(identity)
        let response = try await send(HTTPTransport.TLS(verifiesPeer: false), to: server, host: "localhost")
        #expect(response.status == 200)
    }

    @Test func `another server name is verified, and the Host field stays`() async throws {
        let server = try server(identity)
        let tls = HTTPTransport.TLS(certificateAuthorities: .data(authority.pem), serverName: "kubernetes.test")
        let response = try await send(tls, to: server, host: "localhost")
        #expect(response.body == Array("localhost:\(server.port)".utf8))

        let wrong = HTTPTransport.TLS(certificateAuthorities: .data(authority.pem), serverName: "other.test")
        let error = await transferError { () throws(TransferError) in try await send(wrong, to: server) }
        #expect(error?.code == .tls)
    }

    @Test func `a client certificate is shown`() async throws {
        let demanding = ServerIdentity(
            try TestCertificate("server", names: "IP:127.0.0.1", issuer: authority),
            clientAuthority: authority
        )
        let server = try server(demanding)
        let client = try TestCertificate("client", issuer: authority)
        var tls = HTTPTransport.TLS(certificateAuthorities: .data(authority.pem))

        let refused = await transferError { () throws(TransferError) in try await send(tls, to: server) }
        #expect(refused?.code == .tls)

        tls.clientCertificate = .data(client.pem)
        tls.clientKey = .data(client.keyPEM)
        #expect(try await send(tls, to: server).status == 200)
    }

    @Test func `a key that does not fit its certificate is an error about TLS`() async throws {
        let server = try server(identity)
        let tls = HTTPTransport.TLS(
            certificateAuthorities: .data(authority.pem),
            clientCertificate: .data(try TestCertificate("client", issuer: authority).pem),
            clientKey: .data(try TestCertificate("other", issuer: authority).keyPEM)
        )
        let error = await transferError { () throws(TransferError) in try await send(tls, to: server) }
        #expect(error?.code == .tls)
        #expect(error?.curlCode == 58)
    }

    @Test func `missing and malformed authorities are errors about TLS`() async throws {
        let server = try server(identity)
        for pem in [HTTPTransport.TLS.PEM.file("/nonexistent/ca.crt"), .data(Array("no certificate".utf8))] {
            let tls = HTTPTransport.TLS(certificateAuthorities: pem)
            let error = await transferError { () throws(TransferError) in try await send(tls, to: server) }
            #expect(error?.code == .tls)
        }
    }

    @Test func `a server that is no TLS server is an error about TLS`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.read(count: 1)
            try connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.awaitClose()
        }
        let error = await transferError { () throws(TransferError) in try await send(.init(), to: server) }
        #expect(error?.code == .tls)
    }

    @Test(arguments: [true, false])
    func `a connection that ends during the handshake is lost`(isReset: Bool) async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.read(count: 1)
            if isReset { connection.socket.reset() }
        }
        let error = await transferError { () throws(TransferError) in try await send(.init(), to: server) }
        #expect(error?.code == .connectionLost)
        #expect(error?.isRetryable == true)
    }
}
