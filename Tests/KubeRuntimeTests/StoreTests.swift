import JSON
import KubeClient
import Synchronization
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

    private func store(_ scopes: [String] = [""], holding objects: [DynamicObject] = []) -> Store<DynamicObject> {
        let store = Store<DynamicObject>(scopes: scopes)
        if !objects.isEmpty { list(objects, "9", in: store) }
        return store
    }

    private func list(
        _ objects: [DynamicObject],
        _ version: String,
        _ scope: String = "",
        isNewest: Bool = false,
        in store: Store<DynamicObject>
    ) {
        store.beginList(scope)
        for object in objects { store.takeListed([object], scope) }
        store.endList(version, scope, isNewest: isNewest)
    }

    /// What a subscriber is told while `body` runs, as `added a@1`.
    private func changes(of store: Store<DynamicObject>, _ body: () throws -> Void) rethrows -> [String] {
        let seen = Mutex<[String]>([])
        let subscription = store.subscribe { change in
            let metadata = change.object.metadata
            let word =
                switch change {
                case .added(_, let isInitial): isInitial ? "initial" : "added"
                case .updated: "updated"
                case .deleted: "deleted"
                }
            seen.withLock { $0.append("\(word) \(metadata.name)@\(metadata.resourceVersion)") }
        }
        seen.withLock { $0 = [] }
        try body()
        store.unsubscribe(subscription)
        return seen.withLock { $0 }
    }

    @Test func `a list replaces everything and tells what is new, changed or gone`() throws {
        let store = store(holding: [
            try object("a", "1"), try object("b", "2", uid: "v"), try object("c", "3", uid: "w"),
        ])
        let told = try changes(of: store) {
            list(
                [try object("a", "1"), try object("b", "10", uid: "v"), try object("d", "11", uid: "x")],
                "12",
                in: store
            )
        }
        #expect(told == ["updated b@10", "added d@11", "deleted c@3"])
        #expect(store.get(key("c")) == nil)
        #expect(store.count == 3)
    }

    @Test func `a list of one namespace leaves the others alone`() throws {
        let store = store(["n", "m"])
        list([try object("a", "1")], "5", "n", in: store)
        #expect(!store.isSynced)
        #expect(store.isSynced(for: key("a")))
        #expect(!store.isSynced(for: key("a", namespace: "m")))
        list([try object("a", "2", uid: "v", namespace: "m")], "5", "m", in: store)
        #expect(store.isSynced)
        #expect(changes(of: store) { list([], "6", "m", in: store) } == ["deleted a@2"])
        #expect(store.get(key("a")) != nil)
    }

    @Test func `what was written is not overwritten by an older event, and its echo is no change`() throws {
        let store = store(holding: [try object("a", "9")])
        store.record(try object("a", "12"))
        let told = try changes(of: store) {
            store.apply(try object("a", "10"), "")
            store.apply(try object("a", "12"), "")
        }
        #expect(told == [])
        #expect(store.get(key("a"))?.metadata.resourceVersion == "12")
        store.apply(try object("a", "13"), "")
        #expect(store.get(key("a"))?.metadata.resourceVersion == "13")
    }

    @Test func `a write is told to every subscriber but the writer`() throws {
        let store = store(holding: [try object("a", "9")])
        let writer = store.subscribe { change in
            if case .updated = change { Issue.record("the writer was told") }
        }
        #expect(
            try changes(of: store) { store.record(try object("a", "12"), .conditional(version: "9"), by: writer) }
                == ["updated a@12"]
        )
    }

    @Test func `a created object is there at once, unless it was seen to go already`() throws {
        let store = store(holding: [try object("a", "9")])
        store.record(try object("b", "12", uid: "v"))
        #expect(store.get(key("b")) != nil)
        store.remove(try object("b", "13", uid: "v"), "")
        store.record(try object("b", "12", uid: "v"))
        #expect(store.get(key("b")) == nil)
        // Created at 11 by us, deleted by somebody else: the watch is past both.
        store.record(try object("c", "11", uid: "w"))
        #expect(store.get(key("c")) == nil)
    }

    @Test func `nothing recorded survives a list that is newer and does not hold it`() throws {
        let store = store(holding: [try object("a", "9")])
        store.record(try object("b", "12", uid: "v"))
        list([try object("a", "9")], "11", in: store)
        #expect(store.get(key("b")) != nil)
        list([try object("a", "9")], "13", in: store)
        #expect(store.get(key("b")) == nil)
    }

    @Test func `the deletion of an object leaves its successor of the same name alone`() throws {
        let store = store()
        store.apply(try object("a", "12", uid: "new"), "")
        store.remove(try object("a", "11", uid: "old"), "")
        #expect(store.get(key("a"))?.metadata.uid == "new")
        store.remove(try object("a", "13", uid: "new"), "")
        #expect(store.get(key("a")) == nil)
    }

    @Test func `another identity under the same name is a deletion and an addition, late news of the old one is none`()
        throws
    {
        let store = store(holding: [try object("a", "9", uid: "old")])
        #expect(
            try changes(of: store) { store.apply(try object("a", "12", uid: "new"), "") } == [
                "deleted a@9", "added a@12",
            ]
        )
        #expect(try changes(of: store) { store.apply(try object("a", "10", uid: "old"), "") } == [])
        #expect(store.get(key("a"))?.metadata.uid == "new")
    }

    @Test func `an object that leaves a selection and comes back is there again`() throws {
        let store = Store<DynamicObject>(isSelective: true)
        list([try object("a", "1")], "9", in: store)
        store.remove(try object("a", "10"), "")
        #expect(store.count == 0)
        #expect(try changes(of: store) { store.apply(try object("a", "12"), "") } == ["added a@12"])
    }

    @Test func `a write to an object that has just left a selection holds until the watch has passed it`() throws {
        let store = Store<DynamicObject>(isSelective: true)
        list([try object("a", "1"), try object("b", "2", uid: "v")], "9", in: store)
        store.record(try object("a", "11"))
        store.remove(try object("a", "10"), "")
        #expect(store.get(key("a"))?.metadata.resourceVersion == "11")
        #expect(
            try changes(of: store) { store.apply(try object("b", "12", uid: "v"), "") } == [
                "deleted a@11", "updated b@12",
            ]
        )
        #expect(store.get(key("a")) == nil)
    }

    @Test func `a late event does not bring back what is gone`() throws {
        let store = store(holding: [try object("a", "9")])
        store.remove(try object("a", "12"), "")
        store.apply(try object("a", "11"), "")
        #expect(store.count == 0)
    }

    @Test func `a cluster restored from a backup is believed, an old cache is not`() throws {
        let store = store(holding: [try object("a", "9")])
        store.apply(try object("a", "20"), "")
        store.apply(try object("b", "21", uid: "v"), "")
        list([try object("a", "9")], "15", in: store)
        #expect(store.get(key("a"))?.metadata.resourceVersion == "20")
        #expect(store.get(key("b")) != nil)
        store.pass("21", "")
        let told = try changes(of: store) { list([try object("a", "9")], "15", isNewest: true, in: store) }
        #expect(told.sorted() == ["added a@9", "deleted b@21"])
        #expect(store.get(key("a"))?.metadata.resourceVersion == "9")
    }

    @Test func `an index follows every change, and finds what was there before it was made`() throws {
        let store = store(holding: [try object("a", "1"), try object("b", "2", uid: "v", namespace: "m")])
        let byNamespace = store.index { [$0.metadata.namespace ?? ""] }
        #expect(byNamespace.keys("n") == [key("a")])
        store.apply(try object("c", "10", uid: "w"), "")
        #expect(byNamespace.keys("n") == [key("a"), key("c")])
        #expect(byNamespace["m"].map(\.metadata.name) == ["b"])
        store.remove(try object("a", "11"), "")
        #expect(byNamespace.keys("n") == [key("c")])
        #expect(byNamespace.keys("gone") == [])
    }

    @Test func `objects are cut down before they are stored`() throws {
        let store = Store<DynamicObject> { object in object.content["data"] = nil }
        var large = try object("a", "1")
        large.content["data"] = ["x": "y"]
        list([large], "5", in: store)
        #expect(store.get(key("a"))?.content["data"] == nil)
    }

    @Test func `a subscriber that comes late is told of what is there`() throws {
        let store = store(holding: [try object("a", "1"), try object("b", "2", uid: "v")])
        let seen = Mutex<[String]>([])
        _ = store.subscribe { change in seen.withLock { $0.append(change.object.metadata.name) } }
        #expect(seen.withLock { $0.sorted() } == ["a", "b"])
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
