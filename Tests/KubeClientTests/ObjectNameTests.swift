import FaultServer
import JSON
import TestEnvironment
import Testing

@testable import KubeClient

/// Names that would make a request reach something else.
@Suite(.timeLimit(.minutes(4))) struct ObjectNameTests {
    static let names = ["", ".", "..", "a/status", "../secrets", "%2e%2e"]

    @Test(arguments: names)
    func `what can be no name is never sent`(name: String) async throws {
        let server = try FaultyAPIServer()
        let client = try server.client()
        defer { client.shutdown() }
        func expectRefusal(_ body: () async throws -> Void) async {
            let error = await #expect(throws: KubeError.self) { try await body() }
            #expect(error?.code == .badRequest)
        }
        let configMaps = client.configMaps
        await expectRefusal { _ = try await configMaps.get(name) }
        await expectRefusal { _ = try await configMaps.replace(ConfigMap(name)) }
        await expectRefusal { _ = try await configMaps.patch(name, .merge([:])) }
        await expectRefusal { try await configMaps.delete(name) }
        await expectRefusal { _ = try await configMaps.scale(name) }
        let elsewhere = client.resources(ConfigMap.self, namespace: name)
        await expectRefusal { _ = try await elsewhere.list() }
        await expectRefusal { _ = try await elsewhere.list(pageSize: nil) }
        await expectRefusal { _ = try await elsewhere.create(ConfigMap("a")) }
        await expectRefusal { for try await _ in elsewhere.watch(from: "1") {} }
        await expectRefusal { _ = try await client.requestToken(for: ObjectKey(namespace: "a", name: name)) }
        await expectRefusal { for try await _ in client.log(of: ObjectKey(namespace: "a", name: name)) {} }
        #expect(server.requests.isEmpty)
    }

    @Test func `an object of a namespace needs one`() async throws {
        let server = try FaultyAPIServer()
        server.put("a")
        let client = try server.client()
        defer { client.shutdown() }
        let configMaps = client.resources(ConfigMap.self)
        let error = await #expect(throws: KubeError.self) { try await configMaps.get("a") }
        #expect(error?.code == .badRequest)
        #expect(error?.message.contains("namespace") == true)
        await #expect(throws: KubeError.self) { try await configMaps.deleteAll(Selection()) }
        #expect(server.requests.isEmpty)
        // An object that names one is written there.
        var object = try #require(try await configMaps.list().items.first)
        object.data = ["k": "v"]
        #expect(try await configMaps.replace(object).data == ["k": "v"])
    }

    @Test func `deleting an object without a name deletes nothing`() async throws {
        let cluster = try await ControlPlane.shared
        let namespace = try await cluster.makeNamespace()
        let client = try cluster.client()
        defer { client.shutdown() }
        let configMaps = client.resources(ConfigMap.self, namespace: namespace)
        _ = try await configMaps.create(ConfigMap("a"))
        for name in ["", ".."] { _ = try? await configMaps.delete(name) }
        #expect(try await configMaps.list().items.map(\.metadata.name).contains("a"))
    }
}
