import HTTPTransport
import Logging
import ScriptedServers
import Testing

@testable import KubeClient

@Suite(.timeLimit(.minutes(4))) struct PodLogTests {
    private let pod = ObjectKey(namespace: "shop", name: "web")

    private func client(_ server: ScriptedServer) throws -> KubeClient {
        try KubeClient(ClusterConfiguration(server: server.url("")), logger: Logger(label: "test"))
    }

    private static func begin(_ connection: ServerConnection) throws -> ReceivedRequest {
        let request = try connection.readRequest()
        try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        return request
    }

    private static func sendChunk(_ bytes: some Sequence<UInt8>, _ connection: ServerConnection) throws {
        let bytes = Array(bytes)
        try connection.send("\(String(bytes.count, radix: 16))\r\n")
        try connection.channel.write(bytes)
        try connection.send("\r\n")
    }

    @Test func `lines are whole, however they are cut, blank or written`() async throws {
        let text = Array("one\n\nü".utf8)
        let server = try ScriptedServer { connection in
            _ = try Self.begin(connection)
            // The last chunk but one ends within a character.
            try Self.sendChunk(text[..<2], connection)
            try Self.sendChunk(text[2...5], connection)
            try Self.sendChunk(text[6...] + Array("\n".utf8) + [0xFF, 0x0A], connection)
            try Self.sendChunk("no end".utf8, connection)
            try connection.send("0\r\n\r\n")
        }
        let client = try client(server)
        defer { client.shutdown() }
        var lines: [String] = []
        for try await line in client.log(of: pod) { lines.append(line) }
        #expect(lines == ["one", "", "ü", "\u{FFFD}", "no end"])
    }

    @Test func `the options go into the query`() async throws {
        let requests = Recorder<String>()
        let server = try ScriptedServer { connection in
            while true {
                requests.append(try connection.readRequest().line)
                try connection.respond()
            }
        }
        let client = try client(server)
        defer { client.shutdown() }
        let options = LogOptions(
            container: "a b",
            follows: true,
            previous: true,
            since: .milliseconds(1500),
            tailLines: 5,
            timestamps: true,
            limitBytes: 100
        )
        for try await _ in client.log(of: pod, options) {}
        for try await _ in client.log(of: pod) {}
        let path = "/api/v1/namespaces/shop/pods/web/log"
        let query =
            "container=a%20b&follow=true&previous=true&sinceSeconds=2&tailLines=5&timestamps=true&limitBytes=100"
        #expect(requests.all == ["GET \(path)?\(query) HTTP/1.1", "GET \(path) HTTP/1.1"])
    }

    @Test func `a followed log hands on each line at once, and ends with its task`() async throws {
        let closed = Fact()
        let server = try ScriptedServer { connection in
            _ = try Self.begin(connection)
            try connection.sendChunk("first\nsec")
            connection.awaitClose()
            closed.happened()
        }
        let client = try client(server)
        defer { client.shutdown() }
        let seen = Fact(of: String.self)
        let pod = pod
        let task = Task {
            for try await line in client.log(of: pod, LogOptions(follows: true)) { seen.happened(line) }
        }
        #expect(await seen.value == "first")
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        await closed.value
    }

    @Test func `a log that is cut off is an error`() async throws {
        let server = try ScriptedServer { connection in
            _ = try Self.begin(connection)
            try connection.sendChunk("first\nsec")
        }
        let client = try client(server)
        defer { client.shutdown() }
        var lines: [String] = []
        let error = await #expect(throws: KubeError.self) {
            for try await line in client.log(of: pod, LogOptions(follows: true)) { lines.append(line) }
        }
        #expect(lines == ["first"])
        #expect(error?.code == .transport(.connectionLost))
        #expect(error?.operation.resource == "pods/log")
    }

    @Test func `a log that is not followed must not fall silent`() async throws {
        let server = try ScriptedServer { connection in
            _ = try Self.begin(connection)
            connection.awaitClose()
        }
        var client = try client(server)
        defer { client.shutdown() }
        client.requestTimeout = .milliseconds(50)
        let log = client.log(of: pod)
        let error = await #expect(throws: KubeError.self) { for try await _ in log {} }
        #expect(error?.code == .transport(.idle))
    }

    @Test func `a refusal is an error with the server's words`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.respond("400 Bad Request", #"{"message": "a container name must be specified"}"#)
        }
        let client = try client(server)
        defer { client.shutdown() }
        let error = await #expect(throws: KubeError.self) { for try await _ in client.log(of: pod) {} }
        #expect(error?.code == .badRequest)
        #expect(error?.message.contains("a container name must be specified") == true)
    }
}
