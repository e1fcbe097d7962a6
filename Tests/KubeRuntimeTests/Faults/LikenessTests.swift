import FaultServer
import JSON
import KubeClient
import TestEnvironment
import Testing

/// The faulty API server beside a real one: what tests learn from the one must hold for the other.
@Suite(.timeLimit(.minutes(4))) struct LikenessTests {
    /// What a client experiences, without names and versions that differ by chance.
    private func experience(_ configMaps: ResourceClient<ServedMap>) async throws -> [String] {
        var seen: [String] = []
        func fails(_ what: String, _ body: () async throws -> Void) async {
            do {
                try await body()
                seen.append("\(what): done")
            } catch let error as KubeError {
                seen.append("\(what): \(error.code) \(error.reason ?? "")")
            } catch {
                seen.append("\(what): \(error)")
            }
        }
        let only = Selection(labelSelector: "test=likeness")
        func object(_ name: String, _ value: String) -> ServedMap {
            ServedMap(metadata: ObjectMeta(name: name, labels: ["test": "likeness"]), data: ["v": value])
        }
        let start = try await configMaps.list(only).resourceVersion
        var one = try await configMaps.create(object("one", "1"))
        await fails("create again") { _ = try await configMaps.create(object("one", "1")) }
        let stale = one
        one = try await configMaps.patch("one", .merge(["data": ["v": "2"]]))
        await fails("stale replace") { _ = try await configMaps.replace(stale) }
        await fails("stale patch") {
            let version = stale.metadata.resourceVersion
            _ = try await configMaps.patch(
                "one",
                .merge(["metadata": ["resourceVersion": .string(version)], "data": [:]])
            )
        }
        let unchanged = try await configMaps.patch("one", .merge(["data": ["v": "2"]]))
        seen.append("unchanged: \(unchanged.metadata.resourceVersion == one.metadata.resourceVersion)")
        for name in ["two", "three"] { _ = try await configMaps.create(object(name, "1")) }
        let first = try await configMaps.page(only, limit: 2)
        let second = try await configMaps.page(only, limit: 2, continueToken: first.continueToken)
        seen.append("pages: \(first.items.map(\.metadata.name)) \(second.items.map(\.metadata.name))")
        seen.append("one version: \(first.resourceVersion == second.resourceVersion), \(second.continueToken ?? "end")")
        // Ceases to match.
        _ = try await configMaps.patch("two", .merge(["metadata": ["labels": ["test": "other"]]]))
        await fails("delete another") {
            try await configMaps.delete("three", DeleteOptions(uid: one.metadata.uid))
        }
        try await configMaps.delete("three")
        await fails("delete again") { try await configMaps.delete("three") }
        await fails("get") { _ = try await configMaps.get("three") }
        await fails("future") { _ = try await configMaps.page(at: .notOlderThan("99999999999")) }
        for try await event in configMaps.watch(only, from: start) {
            switch event {
            case .added(let object): seen.append("added \(object.metadata.name) \(object.data ?? [:])")
            case .modified(let object): seen.append("modified \(object.metadata.name) \(object.data ?? [:])")
            case .deleted(let object): seen.append("deleted \(object.metadata.name) \(object.data ?? [:])")
            case .bookmark: continue
            }
            if seen.count(where: { $0.hasPrefix("deleted ") }) == 2 { break }
        }
        await fails("streamed list") {
            for try await _ in configMaps.watch(only, from: .initialEvents) { break }
        }
        return seen
    }

    @Test func `clients experience the same with the faulty server as with a real one`() async throws {
        let cluster = try await ControlPlane.shared
        let namespace = try await cluster.makeNamespace()
        let real = try cluster.client()
        defer { real.shutdown() }
        let server = try FaultyAPIServer(streamedLists: .refused)
        let faulty = try server.client()
        defer { faulty.shutdown() }
        let expected = try await experience(real.resources(ServedMap.self, namespace: namespace))
        let found = try await experience(faulty.resources(ServedMap.self, namespace: namespace))
        // Newer servers do stream lists.
        #expect(found.dropLast() == expected.dropLast())
    }
}
