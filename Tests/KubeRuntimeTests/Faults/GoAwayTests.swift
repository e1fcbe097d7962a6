import FaultServer
import HTTPTransport
import JSON
import KubeClient
import KubeRuntime
import Logging
import ScriptedServers
import Testing

/// HTTP/2 connections that the server asks to leave, as API servers do to spread their clients (`--goaway-chance`).
@Suite(.timeLimit(.minutes(4))) struct GoAwayTests {
    private let identity: ServerIdentity
    private let tls: HTTPTransport.TLS

    init() throws {
        let authority = try TestCertificate("test authority", isAuthority: true)
        let certificate = try TestCertificate("server", names: "IP:127.0.0.1", issuer: authority)
        identity = ServerIdentity(certificate, speaksHTTP2: true)
        tls = HTTPTransport.TLS(certificateAuthorities: .data(authority.pem))
    }

    private func client(_ server: ScriptedServer) throws -> KubeClient {
        try KubeClient(
            ClusterConfiguration(server: server.url("", scheme: "https"), tls: tls),
            logger: Logger(label: "faults") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func object(_ version: Int) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "ConfigMap", "data": ["v": .string("\(version)")],
            "metadata": [
                "name": "a", "namespace": "default", "uid": "u", "resourceVersion": .string("\(version)"),
            ],
        ]
    }

    private func line(_ event: JSONValue) -> [UInt8] { event.serialized() + [UInt8(ascii: "\n")] }

    @Test func `a request after GOAWAY uses a new connection`() async throws {
        let answer = "\(object(1))"
        let server = try ScriptedServer(identity) { connection in
            let connection = try HTTP2ServerConnection(connection)
            let stream = try connection.nextRequest()
            try connection.respond(answer, on: stream)
            try connection.sendGoAway(last: stream)
            while true { _ = try connection.nextFrame() }
        }
        let client = try client(server)
        defer { client.shutdown() }
        let configMaps = client.resources(ServedMap.self, namespace: "default")
        for number in 1...5 {
            #expect(try await configMaps.get("a").data == ["v": "1"])
            #expect(server.accepted == number)
        }
    }

    @Test func `a read that came too late for a connection is made on another one`() async throws {
        let answer = "\(object(1))"
        let server = try ScriptedServer(identity) { connection in
            let isFirst = connection.index == 0
            let connection = try HTTP2ServerConnection(connection)
            let stream = try connection.nextRequest()
            // The server tells that it has not looked at the request.
            if isFirst { try connection.sendGoAway(last: 0) } else { try connection.respond(answer, on: stream) }
            while true { _ = try connection.nextFrame() }
        }
        let client = try client(server)
        defer { client.shutdown() }
        let configMaps = client.resources(ServedMap.self, namespace: "default")
        #expect(try await configMaps.get("a").data == ["v": "1"])
        #expect(server.accepted == 2)
    }

    @Test func `a watch goes on after GOAWAY until it is closed, and then on another connection`() async throws {
        let initial = line(WatchLine.added(object(1))) + line(WatchLine.bookmark(1, endsInitialEvents: true))
        let late = line(WatchLine.modified(object(2)))
        let next = line(WatchLine.modified(object(3)))
        let server = try ScriptedServer(identity) { connection in
            let isFirst = connection.index == 0
            let connection = try HTTP2ServerConnection(connection)
            let stream = try connection.nextRequest()
            try connection.sendHead(on: stream)
            if isFirst {
                try connection.sendData(initial, on: stream, isLast: false)
                try connection.sendGoAway(last: stream)
                try connection.sendData(late, on: stream, isLast: true)
            } else {
                try connection.sendData(next, on: stream, isLast: false)
            }
            while true { _ = try connection.nextFrame() }
        }
        let client = try client(server)
        defer { client.shutdown() }
        let follower = Follower(store: Store())
        let reflector = Reflector(
            client.resources(ServedMap.self),
            store: follower.store,
            timing: .quick,
            logger: Logger(label: "faults") { _ in SwiftLogNoOpLogHandler() }
        )
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await reflector.run() }
            await follower.wait { follower.versions == ["a": "3"] }
            group.cancelAll()
        }
        #expect(follower.told == ["a=1", "a=2", "a=3"])
        #expect(server.accepted == 2)
    }
}
