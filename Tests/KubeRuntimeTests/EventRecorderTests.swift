import JSON
import Logging
import TestClock
import TestEnvironment
import Testing

@testable import KubeClient
@testable import KubeRuntime

/// Against a real API server.
@Suite(.timeLimit(.minutes(10))) struct EventRecorderTests {
    private static let api = APIResource(version: "v1", kind: "Event", plural: "events")
    private static let configMaps = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")

    /// A recorder at work in a namespace of its own, the events there, and an object for them to be about.
    private func withRecorder(
        _ cluster: ControlPlane,
        clock: some Clock<Duration> = ContinuousClock(),
        _ body: (EventRecorder, ResourceClient<DynamicObject>, ObjectMeta) async throws -> Void
    ) async throws {
        let namespace = try await cluster.makeNamespace()
        let client = try cluster.client()
        defer { client.shutdown() }
        let object = try DynamicObject(json: ["metadata": ["name": "settings"]])
        let metadata = try await client.resources(Self.configMaps, namespace: namespace).create(object).metadata
        let recorder = EventRecorder(
            client: client,
            component: "tests",
            instance: "tests-0",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            clock: clock
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await recorder.run() }
            try await body(recorder, client.resources(Self.api, namespace: namespace), metadata)
            recorder.finish()
            try await group.next()
        }
    }

    /// Waits until exactly one event satisfies a condition, and returns it.
    private func event(
        in events: ResourceClient<DynamicObject>,
        where condition: (JSONValue) -> Bool
    ) async throws -> DynamicObject {
        let list = try await events.list()
        if let found = list.items.first(where: { condition($0.content) }) { return found }
        var found: DynamicObject?
        try await events.observe(from: list.resourceVersion) { change in
            switch change {
            case .added(let event), .modified(let event): if condition(event.content) { found = event }
            case .deleted, .bookmark: break
            }
            return found != nil
        }
        return try #require(found)
    }

    @Test func `an event says what happened to which object, by whom, and how often`() async throws {
        try await withRecorder(try await ControlPlane.shared) { recorder, events, metadata in
            let other = EventObject(ObjectMeta(name: "other", namespace: metadata.namespace), of: Self.configMaps)
            for _ in 0..<5 {
                recorder.record(
                    .warning,
                    "Stuck",
                    "it is stuck",
                    about: metadata,
                    of: Self.configMaps,
                    action: "Turning",
                    related: other
                )
            }
            let event = try await event(in: events) { $0["count"]?.int == 5 }.content
            #expect(event["type"] == "Warning")
            #expect(event["reason"] == "Stuck")
            #expect(event["message"] == "it is stuck")
            #expect(event["action"] == "Turning")
            #expect(event["reportingComponent"] == "tests")
            #expect(event["reportingInstance"] == "tests-0")
            #expect(event[path: "involvedObject", "uid"] == .string(metadata.uid))
            #expect(event[path: "involvedObject", "kind"] == "ConfigMap")
            #expect(event[path: "related", "name"] == "other")
            #expect(try await events.list().items.count == 1)
        }
    }

    @Test func `many messages of one reason are combined`() async throws {
        try await withRecorder(try await ControlPlane.shared) { recorder, events, metadata in
            for number in 1...20 {
                recorder.record(.normal, "Turned", "turn \(number)", about: metadata, of: Self.configMaps)
            }
            let combined = try await event(in: events) { $0["count"]?.int == 11 }
            #expect(combined.content["message"] == "(combined from similar events): turn 20")
            #expect(try await events.list().items.count == 10)
        }
    }

    @Test func `an event that has expired is made anew with its count`() async throws {
        try await withRecorder(try await ControlPlane.shared) { recorder, events, metadata in
            recorder.record(.normal, "Turned", "it turned", about: metadata, of: Self.configMaps)
            let first = try await event(in: events) { $0["count"]?.int == 1 }
            try await events.delete(first.metadata.name)
            recorder.record(.normal, "Turned", "it turned", about: metadata, of: Self.configMaps)
            let second = try await event(in: events) { $0["count"]?.int == 2 }
            #expect(second.metadata.uid != first.metadata.uid)
            #expect(second.content["firstTimestamp"] == first.content["firstTimestamp"])
        }
    }

    @Test func `events about objects of the cluster are in the namespace default`() async throws {
        try await withRecorder(try await ControlPlane.shared) { recorder, events, metadata in
            let namespaces = APIResource(version: "v1", kind: "Namespace", plural: "namespaces", isNamespaced: false)
            var object = ObjectMeta(name: metadata.namespace ?? "")
            object.uid = metadata.uid
            recorder.record(.normal, "Turned", "it turned", about: object, of: namespaces)
            let inDefault = events.client.resources(Self.api, namespace: "default")
            _ = try await event(in: inDefault) { $0[path: "involvedObject", "uid"] == .string(metadata.uid) }
        }
    }

    @Test func `what is recorded while the API server is away arrives when it is back`() async throws {
        let cluster = try await ControlPlane.start()
        let clock = ManualClock()
        try await withRecorder(cluster, clock: clock) { recorder, events, metadata in
            try await cluster.stopAPIServer()
            for number in 1...3 {
                recorder.record(.normal, "Turned", "turn \(number)", about: metadata, of: Self.configMaps)
            }
            // The first attempt has failed.
            await clock.sleepers(1)
            try await cluster.startAPIServer()
            // Whenever the recorder waits for its next attempt, its time has come.
            let passing = Task {
                while !Task.isCancelled {
                    await clock.sleepers(1)
                    clock.advance(by: .seconds(12))
                }
            }
            defer { passing.cancel() }
            for number in 1...3 {
                _ = try await event(in: events) { $0["message"] == .string("turn \(number)") }
            }
        }
        await cluster.stop()
    }
}
