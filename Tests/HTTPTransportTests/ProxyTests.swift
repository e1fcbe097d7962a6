import HTTPTransport
import ScriptedServers
import Testing

@Suite(.timeLimit(.minutes(4)))
struct ProxyTests {
    func transport(
        _ proxy: ScriptedServer,
        noProxy: String? = nil,
        tls: HTTPTransport.TLS = .init()
    ) throws -> HTTPTransport {
        try HTTPTransport(HTTPTransport.Configuration(tls: tls, proxy: proxy.url(), noProxy: noProxy))
    }

    @Test func `plain requests go through the proxy, which looks up the name`() async throws {
        let proxy = try ScriptedServer { connection in
            try connection.respond("200 OK", try connection.readRequest().line)
        }
        let response = try await transport(proxy).send(HTTPRequest(url: "http://nowhere.invalid/a?b"))
        #expect(response.body == Array("GET http://nowhere.invalid/a?b HTTP/1.1".utf8))
    }

    @Test func `TLS goes through a tunnel, and the proxy's answer is not the server's`() async throws {
        let authority = try TestCertificate("test authority", isAuthority: true)
        let identity = ServerIdentity(try TestCertificate("server", names: "DNS:nowhere.invalid", issuer: authority))
        let proxy = try ScriptedServer { connection in
            let line = try connection.readRequest().line
            try connection.send("HTTP/1.1 200 Go Ahead\r\nX-Proxy: yes\r\n\r\n")
            guard let channel = TLSChannel(connection.socket, identity) else { return }
            let inner = ServerConnection(index: 0, channel: channel, socket: connection.socket)
            while true {
                _ = try inner.readRequest()
                try inner.respond("201 Created", line)
            }
        }
        let tls = HTTPTransport.TLS(certificateAuthorities: .data(authority.pem))
        let transport = try transport(proxy, tls: tls)
        let response = try await transport.send(HTTPRequest(url: "https://nowhere.invalid:6443/"))
        #expect(response.status == 201)
        #expect(response.body == Array("CONNECT nowhere.invalid:6443 HTTP/1.1".utf8))
        #expect(response.headers["x-proxy"] == nil)
        let stream = try await transport.stream(HTTPRequest(url: "https://nowhere.invalid:6443/"))
        #expect(stream.status == 201)
    }

    @Test(arguments: [true, false])
    func `a proxy is spoken to in TLS, if it is of the configured authority`(isTrusted: Bool) async throws {
        let authority = try TestCertificate("test authority", isAuthority: true)
        let other = try TestCertificate("other authority", isAuthority: true)
        let identity = ServerIdentity(try TestCertificate("proxy", names: "IP:127.0.0.1", issuer: authority))
        let proxy = try ScriptedServer(identity) { connection in
            try connection.respond("403 Forbidden", try connection.readRequest().line)
        }
        let tls = HTTPTransport.TLS(certificateAuthorities: .data((isTrusted ? authority : other).pem))
        let transport = try HTTPTransport(
            HTTPTransport.Configuration(tls: tls, proxy: "https://127.0.0.1:\(proxy.port)")
        )
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: "https://nowhere.invalid/"))
        }
        #expect(error?.code == (isTrusted ? .couldNotConnect : .tls))
        #expect(error?.message.contains("403") == isTrusted)
    }

    @Test func `a proxy that refuses the tunnel is no connection`() async throws {
        let proxy = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.respond("403 Forbidden", "no")
        }
        let transport = try transport(proxy)
        let error = await transferError { () throws(TransferError) in
            try await transport.send(HTTPRequest(url: "https://nowhere.invalid/"))
        }
        #expect(error?.code == .couldNotConnect)
        #expect(error?.message.contains("403") == true)
        #expect(error?.wasNeverProcessed == true)
    }

    @Test func `exceptions bypass the proxy`() async throws {
        let proxy = try ScriptedServer { _ in }
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.respond("200 OK", "direct")
        }
        let transport = try transport(proxy, noProxy: "example.com,127.0.0.0/8")
        #expect(try await transport.send(HTTPRequest(url: server.url())).body == Array("direct".utf8))
        #expect(proxy.accepted == 0)
    }
}
