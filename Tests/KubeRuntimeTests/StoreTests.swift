import JSON
import KubeClient
import Testing

@testable import KubeRuntime

@Suite struct StoreTests {
    private func object(
        _ name: String,
        _ version: String,
        uid: String = "u",
        namespace: String = "n"
    ) throws -> DynamicObject {
        try DynamicObject(json: [
            "metadata": [
                "name": .string(name), "namespace": .string(namespace), "resourceVersion": .string(version),
                "uid": .string(uid),
            ]
        ])
    }

    private func key(_ name: String, namespace: String = "n") -> ObjectKey {
        ObjectKey(namespace: namespace, name: name)
    }

    @Test func `a list replaces everything and tells what is new, changed or gone`() throws {
        let store = Store<DynamicObject>()
        _ = store.replace([try object("a", "1"), try object("b", "2"), try object("c", "3")], scope: "")
        let changed = store.replace([try object("a", "1"), try object("b", "5"), try object("d", "4")], scope: "")
        #expect(changed.sorted() == [key("b"), key("c"), key("d")])
        #expect(store.get(key("c")) == nil)
        #expect(store.count == 3)
    }

    @Test func `a list of one namespace leaves the others alone`() throws {
        let store = Store<DynamicObject>(scopes: ["n", "m"])
        _ = store.replace([try object("a", "1")], scope: "n")
        #expect(!store.isSynced)
        _ = store.replace([try object("a", "1", namespace: "m")], scope: "m")
        #expect(store.isSynced)
        #expect(store.replace([], scope: "m") == [key("a", namespace: "m")])
        #expect(store.get(key("a")) != nil)
    }

    @Test func `what was written is not overwritten by an older event`() throws {
        let store = Store<DynamicObject>()
        _ = store.replace([try object("a", "9")], scope: "")
        store.record(try object("a", "12"))
        #expect(!store.apply(try object("a", "10")))
        #expect(store.get(key("a"))?.metadata.resourceVersion == "12")
        #expect(store.apply(try object("a", "13")))
    }

    @Test func `the answer to a write does not bring back what is gone or another object of that name`() throws {
        let store = Store<DynamicObject>()
        store.record(try object("a", "5"))
        #expect(store.get(key("a")) == nil)
        #expect(store.apply(try object("a", "7", uid: "new")))
        store.record(try object("a", "9", uid: "old"))
        #expect(store.get(key("a"))?.metadata.uid == "new")
    }

    @Test func `the deletion of an object leaves its successor of the same name alone`() throws {
        let store = Store<DynamicObject>()
        _ = store.apply(try object("a", "12", uid: "new"))
        store.remove(try object("a", "11", uid: "old"))
        #expect(store.get(key("a"))?.metadata.uid == "new")
        store.remove(try object("a", "13", uid: "new"))
        #expect(store.get(key("a")) == nil)
    }

    @Test func `an object of the same name with another identity is a change, even at a lower version`() throws {
        let store = Store<DynamicObject>()
        #expect(store.apply(try object("a", "9", uid: "old")))
        #expect(store.apply(try object("a", "3", uid: "new")))
    }

    @Test(arguments: [
        ("10", "9", true), ("9", "10", false), ("9", "9", false), ("x", "9", true), ("x", "x", false),
        ("09", "1", true),
    ])
    func `versions are compared as numbers, opaque ones by difference`(version: String, other: String, isNewer: Bool) {
        #expect(ResourceVersion.isNewer(version, than: other) == isNewer)
    }

    @Test func `waiting for the first list ends when the task is cancelled`() async {
        let store = Store<DynamicObject>()
        let waiting = Task { await store.waitUntilSynced() }
        waiting.cancel()
        await waiting.value
        #expect(!store.isSynced)
    }
}
