import FaultServer
import HTTPTransport
import JSON
import TestEnvironment
import Testing

@testable import KubeClient

/// Clients that read nothing but metadata.
@Suite(.timeLimit(.minutes(4))) struct MetadataClientTests {
    @Test func `the server is asked for metadata only`() async throws {
        let server = try FaultyAPIServer()
        server.put("a", ["k": "v"], labels: ["l": "1"])
        let client = try server.client()
        defer { client.shutdown() }
        let metadata = client.metadata(of: ConfigMap.api, namespace: FaultyAPIServer.namespace)
        // Whole objects, as old servers send them, are read as well.
        #expect(try await metadata.get("a").metadata.labels == ["l": "1"])
        #expect(try await metadata.list().items.count == 1)
        #expect(
            try await metadata.patch("a", .merge(["metadata": ["labels": ["l": "2"]]])).metadata.labels == ["l": "2"]
        )
        let accepted = server.requests.map { $0.field("accept") }
        let one = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
        let many = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
        #expect(accepted == [one, many, one])
    }

    @Test func `a real server leaves the rest out`() async throws {
        let cluster = try await ControlPlane.shared
        let namespace = try await cluster.makeNamespace()
        let client = try cluster.client()
        defer { client.shutdown() }
        let configMaps = client.resources(ConfigMap.self, namespace: namespace)
        let metadata = client.metadata(of: ConfigMap.api, namespace: namespace)
        let version = try await metadata.list().resourceVersion
        let created = try await configMaps.create(ConfigMap("a", ["k": "v"], labels: ["l": "1"]))
        #expect(try await metadata.get("a").metadata == created.metadata)
        #expect(try await metadata.list(Selection(labelSelector: "l")).items.map(\.metadata) == [created.metadata])
        #expect(try await metadata.list(Selection(labelSelector: "l"), pageSize: nil).items.count == 1)
        for try await event in metadata.watch(Selection(labelSelector: "l"), from: version) {
            guard case .added(let object) = event else { continue }
            #expect(object.metadata == created.metadata)
            break
        }
        let operation = metadata.operation("get", "a")
        let answer = try await client.send(
            operation,
            method: .get,
            path: metadata.path(operation, "a"),
            accept: PartialObjectMetadata.accept()
        )
        #expect(answer["kind"] == "PartialObjectMetadata")
        #expect(answer["data"] == nil)
        // A change to the metadata leaves the rest as it is.
        _ = try await metadata.patch("a", .merge(["metadata": ["labels": ["l": "2"]]]))
        #expect(try await configMaps.get("a").data == ["k": "v"])
    }
}

@Suite struct DynamicObjectTests {
    @Test func `everything but managedFields is kept`() throws {
        let text =
            #"{"kind":"X","metadata":{"name":"a","managedFields":[1],"selfLink":"s"},"managedFields":2,"more":[1,{"a":null}]}"#
        let object = try DynamicObject(parsing: Array(text.utf8))
        #expect(
            object.json() == [
                "kind": "X", "metadata": ["name": "a", "selfLink": "s"], "managedFields": 2, "more": [1, ["a": .null]],
            ]
        )
    }

    @Test func `metadata follows the content, as long as it can be read`() throws {
        var object = try DynamicObject(json: ["metadata": ["name": "a"]])
        object.content["metadata"]?["labels"] = ["k": "v"]
        #expect(object.metadata.labels == ["k": "v"])
        object.content["metadata"]?["labels"] = 1
        #expect(object.metadata.labels == ["k": "v"])
        #expect(throws: (any Error).self) { try DynamicObject(json: ["metadata": ["labels": 1]]) }
    }
}
