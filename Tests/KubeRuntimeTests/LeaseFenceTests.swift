import JSON
import KubeClient
import TestEnvironment
import Testing

@testable import KubeRuntime

/// Two gates, both open, as they never should be: what is left then is the fence. Against a real API server.
@Suite(.timeLimit(.minutes(4))) struct LeaseFenceTests {
    private static let configMaps = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")
    private static let nodes = APIResource(version: "v1", kind: "Node", plural: "nodes", isNamespaced: false)

    private func gate(epoch: Int) -> LeaseGate {
        let key = ObjectKey(namespace: "gis", name: "honua")
        let term = Election.Term(lease: Lease(key), renewed: .zero, epoch: epoch)
        return LeaseGate(key, term, timing: .default, now: { .zero })
    }

    private func withConfigMap(_ body: (ResourceClient<DynamicObject>) async throws -> Void) async throws {
        let cluster = try await ControlPlane.shared
        let client = try cluster.client()
        defer { client.shutdown() }
        let objects = client.resources(Self.configMaps, namespace: try await cluster.makeNamespace())
        _ = try await objects.create(try DynamicObject(json: ["metadata": ["name": "shared"], "data": ["n": "0"]]))
        try await body(objects)
    }

    @Test func `each fenced write leaves its epoch behind, and an older one is refused`() async throws {
        try await withConfigMap { objects in
            let written = try await objects.patch("shared", fencedBy: gate(epoch: 5)) { _ in ["data": ["n": "1"]] }
            #expect(written.metadata.annotations?[LeaseGate.epochAnnotation] == "5")
            #expect(written.content[path: "data", "n"] == "1")
            _ = try await objects.patch("shared", fencedBy: gate(epoch: 9)) { _ in ["data": ["n": "2"]] }
            let refusal = await #expect(throws: SupersededEpoch.self) { () async throws in
                _ = try await objects.patch("shared", fencedBy: gate(epoch: 5)) { _ in ["data": ["n": "3"]] }
            }
            #expect(refusal?.newerEpoch == 9)
            #expect(try await objects.get("shared").content[path: "data", "n"] == "2")
        }
    }

    @Test func `a write held up while a later leader wrote is refused, however it was admitted`() async throws {
        try await withConfigMap { objects in
            let admitted = try await objects.get("shared")
            _ = try await objects.patch("shared", fencedBy: gate(epoch: 9)) { _ in ["data": ["n": "new"]] }
            // As it would have left the old leader: this is what arrives late.
            let late: JSONValue = [
                "metadata": [
                    "resourceVersion": .string(admitted.metadata.resourceVersion),
                    "annotations": [LeaseGate.epochAnnotation: "5"],
                ], "data": ["n": "old"],
            ]
            let refusal = await #expect(throws: KubeError.self) { () async throws in
                _ = try await objects.patch("shared", .merge(late))
            }
            #expect(refusal?.code == .conflict)
        }
    }

    @Test func `writers of one term that meet lose none of their changes`() async throws {
        try await withConfigMap { objects in
            let gate = gate(epoch: 5)
            // Of those who meet one is through each time: the fourth within four tries.
            try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask {
                        _ = try await objects.patch("shared", fencedBy: gate) { object in
                            let n = object.content[path: "data", "n"]?.string.flatMap { Int($0) } ?? 0
                            return ["data": ["n": .string("\(n + 1)")]]
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await objects.get("shared").content[path: "data", "n"] == "4")
        }
    }

    @Test func `nothing to change writes nothing, and behind a shut gate nothing is written`() async throws {
        try await withConfigMap { objects in
            let before = try await objects.get("shared")
            let same = try await objects.patch("shared", fencedBy: gate(epoch: 5)) { _ in nil }
            #expect(same.metadata.resourceVersion == before.metadata.resourceVersion)
            let shut = gate(epoch: 6)
            shut.shut()
            await #expect(throws: LeaseGate.Shut.self) { () async throws in
                _ = try await objects.patch("shared", fencedBy: shut) { _ in ["data": ["n": "1"]] }
            }
            #expect(try await objects.get("shared").metadata.resourceVersion == before.metadata.resourceVersion)
        }
    }

    @Test func `the status of an object is fenced by the epoch in its metadata`() async throws {
        let client = try await ControlPlane.shared.client()
        defer { client.shutdown() }
        let nodes = client.resources(Self.nodes)
        let node = try await nodes.create(try DynamicObject(json: ["metadata": ["generateName": "fenced-"]]))
        let name = node.metadata.name
        func phase(_ phase: String) -> JSONValue { ["status": ["phase": .string(phase)]] }
        let written = try await nodes.patch(name, subresource: .status, fencedBy: gate(epoch: 9)) { _ in
            phase("Running")
        }
        #expect(written.metadata.annotations?[LeaseGate.epochAnnotation] == "9")
        #expect(written.content[path: "status", "phase"] == "Running")
        await #expect(throws: SupersededEpoch.self) { () async throws in
            _ = try await nodes.patch(name, subresource: .status, fencedBy: gate(epoch: 5)) { _ in phase("Pending") }
        }
        try await nodes.delete(name)
    }
}
