import JSON
import Logging
import ScriptedServers
import Testing

@testable import KubeClient

@Suite struct WatchFrameTests {
    private func frame(_ text: String) throws -> WatchFrame<ConfigMap> {
        try WatchFrame(parsing: Array(text.utf8), skipping: ["object", "metadata", "managedFields"])
    }

    private let object = #"{"metadata": {"name": "a", "managedFields": [1]}, "data": {"k": "v"}}"#

    @Test(arguments: ["ADDED", "MODIFIED", "DELETED"])
    func `type and object may come in either order, among others`(type: String) throws {
        for text in [
            #"{"type": "\#(type)", "object": \#(object)}"#,
            #"{"object": \#(object), "x": {"object": 1}, "type": "\#(type)"}"#,
        ] {
            guard case .event(type, let object) = try frame(text) else {
                Issue.record("no event: \(text)")
                continue
            }
            #expect(object.metadata.name == "a")
            #expect(object.data == ["k": "v"])
        }
    }

    @Test func `what is no change is kept as it is`() throws {
        for text in [#"{"type": "NEW", "object": {"a": 1}}"#, #"{"object": {"a": 1}, "type": "NEW"}"#] {
            guard case .notice("NEW", ["a": 1]) = try frame(text) else {
                Issue.record("no notice: \(text)")
                continue
            }
        }
    }

    @Test(arguments: [
        "{}", #"{"type": "ADDED"}"#, #"{"object": {}}"#, #"{"type": 1, "object": {}}"#, "[]", "",
        #"{"type": "ADDED", "object": null}"#, #"{"type": "ADDED", "object": {"metadata": {"name": {}}}}"#,
        #"{"type": "ADDED", "object": {"metadata""#,
    ])
    func `what is no event is refused`(text: String) {
        #expect(throws: (any Error).self) { try frame(text) }
    }
}

/// Events as they come over the wire.
@Suite(.timeLimit(.minutes(4))) struct WatchTests {
    private func events(_ chunks: [String]) async throws -> [String] {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for chunk in chunks { try connection.sendChunk(chunk) }
            try connection.send("0\r\n\r\n")
        }
        let client = try KubeClient(ClusterConfiguration(server: server.url("")), logger: .init(label: "test"))
        defer { client.shutdown() }
        var events: [String] = []
        for try await event in client.configMaps.watch(from: "1") {
            switch event {
            case .added(let object): events.append("added \(object.metadata.name)")
            case .modified(let object): events.append("modified \(object.metadata.name)")
            case .deleted(let object): events.append("deleted \(object.metadata.name)")
            case .bookmark(let version, let ends): events.append("bookmark \(version) \(ends)")
            }
        }
        return events
    }

    private func failure(_ chunks: [String]) async -> KubeError? {
        await #expect(throws: KubeError.self) { try await events(chunks) }
    }

    @Test func `lines are events, wherever they are cut and whatever is blank between them`() async throws {
        let seen = try await events([
            "\n", #"{"type":"ADDED","object":{"metadata":{"na"#, "me\":\"a\"}}}\n\r\n \n{\"type\":",
            #""MODIFIED","object":{"metadata":{"name":"b"}}}"#, "\r\n",
            #"{"object":{"metadata":{"name":"c"}},"type":"DELETED"}"#,
        ])
        #expect(seen == ["added a", "modified b", "deleted c"])
    }

    @Test func `bookmarks give a version, and mark the end of the initial events`() async throws {
        let seen = try await events([
            #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7","creationTimestamp":null}}}"#, "\n",
            #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"8","annotations":{"k8s.io/initial-events-end":"true"}}}}"#,
        ])
        #expect(seen == ["bookmark 7 false", "bookmark 8 true"])
    }

    @Test func `a bookmark without a version is no place to go on from`() async {
        #expect(await failure([#"{"type":"BOOKMARK","object":{"metadata":{}}}"#])?.code == .unreadable)
    }

    @Test func `an error in the stream is the error of the watch`() async {
        let expired = #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#
        let error = await failure([expired + "\n"])
        #expect(error?.code == .expired)
        #expect(error?.reason == "Expired")
        #expect(error?.description == "watch configmaps in namespace \"default\" failed: 410 Gone: too old")
        #expect(await failure([#"{"type":"ERROR","object":null}"#])?.code == .serverError(status: 500))
    }

    @Test func `an unknown type is an error that names it`() async {
        let error = await failure([#"{"type":"RENAMED","object":{}}"#])
        #expect(error?.code == .unreadable)
        #expect(error?.message.contains("RENAMED") == true)
    }

    @Test func `half an event at the end is an error, not silence`() async {
        #expect(await failure([#"{"type":"ADDED","object":{"meta"#])?.code == .unreadable)
    }
}
