public import KubeClient
internal import Synchronization

/// The local copy of the objects that one or more reflectors follow.
///
/// ## Guarantees
/// - No object ever goes back to an older version, whatever the order in which lists, events and answers to writes come.
/// - What a controller has written through `Controller.resources(namespace:)` is here when the write returns, once the first
///   list is complete.
/// - Every change is told to every subscriber once, after the store has changed; a subscriber that comes later is told of
///   what is there.
/// - A new UID under an old name is seen as `deleted` and then `added`.
///
/// ## Caveats
/// What is read may be older than what the API server holds: `status` says by how much at most. While a list comes in,
/// part of it is here already; `isSynced` tells whether a first one is complete. Subscribers are called by whoever
/// changes the store, so they must be quick; changes of one object by two tasks at once may be told in either order.
public final class Store<Object: KubeObject>: Sendable {
    /// Which subscriber; see `subscribe(_:)`.
    public struct Subscription: Sendable, Hashable {
        fileprivate let id: Int
    }

    typealias Handler = @Sendable (StoreChange<Object>) -> Void

    private struct Scope {
        var version = ""
        var isSynced = false
        var failure: String?
        var heard: ContinuousClock.Instant?
        /// The list that is coming in.
        var list: List?

        var isSettled: Bool { isSynced || failure != nil }
    }

    private struct List {
        var keys: Set<ObjectKey> = []
        /// What was not taken, because the store knows something newer.
        var older: [Object] = []
    }

    private struct State {
        var objects: [ObjectKey: Object] = [:]
        var indexes: [StoreIndexContent<Object>] = []
        var scopes: [String: Scope]
        var subscribers: [Int: Handler] = [:]
        var lastID = 0
        var tombstones = Tombstones()
        /// Written here and not seen in a list or watch yet, with their versions; only of a store that holds a selection.
        var unconfirmed: [ObjectKey: String] = [:]
        var waiters: [Int: (isSatisfied: @Sendable ([Scope]) -> Bool, stream: AsyncStream<Void>.Continuation)] = [:]
    }

    private let transform: (@Sendable (inout Object) -> Void)?
    private let isSelective: Bool
    private let state: Mutex<State>

    /// An empty store.
    /// - Parameters:
    ///   - scopes: the namespaces whose reflectors fill it; `[""]` for all namespaces at once.
    ///   - isSelective: whether its reflectors follow a selection. An object that is written here and that the selection
    ///     turns out not to hold then goes again when the watch has passed it by.
    ///   - transform: cuts objects down to what is needed, before they are stored. It must keep name, namespace, UID and
    ///     resourceVersion.
    public init(
        scopes: [String] = [""],
        isSelective: Bool = false,
        transform: (@Sendable (inout Object) -> Void)? = nil
    ) {
        self.transform = transform
        self.isSelective = isSelective
        state = Mutex(State(scopes: Dictionary(scopes.map { ($0, Scope()) }) { first, _ in first }))
    }

    // MARK: Reading

    /// The object, or nil when there is none, or none yet.
    public func get(_ key: ObjectKey) -> Object? { state.withLock { $0.objects[key] } }

    /// Every object, in no particular order.
    public var objects: [Object] { state.withLock { Array($0.objects.values) } }

    /// How many objects there are.
    public var count: Int { state.withLock { $0.objects.count } }

    /// Makes objects findable by something else than their key, from now on.
    /// - Parameter values: what an object is to be found by; nothing, one or several. Must depend on the object alone.
    public func index(by values: @escaping @Sendable (Object) -> [String]) -> StoreIndex<Object> {
        state.withLock { state in
            var content = StoreIndexContent(values: values)
            for (key, object) in state.objects { content.insert(key, object) }
            state.indexes.append(content)
            return StoreIndex(store: self, position: state.indexes.count - 1)
        }
    }

    func keys(at position: Int, _ value: String) -> Set<ObjectKey> {
        state.withLock { $0.indexes[position].keys[value] ?? [] }
    }

    func objects(at position: Int, _ value: String) -> [Object] {
        state.withLock { state in (state.indexes[position].keys[value] ?? []).compactMap { state.objects[$0] } }
    }

    // MARK: Following

    /// Tells of every change from now on and, before it returns, of every object that is there already. An object that goes
    /// while this is called may be told as gone first and as there afterwards: look into the store rather than keep a copy.
    public func subscribe(_ handler: @escaping @Sendable (StoreChange<Object>) -> Void) -> Subscription {
        let (id, objects) = state.withLock { state in
            state.lastID += 1
            state.subscribers[state.lastID] = handler
            return (state.lastID, Array(state.objects.values))
        }
        for object in objects { handler(.added(object, isInitial: true)) }
        return Subscription(id: id)
    }

    /// Tells no more. A call under way may still come.
    public func unsubscribe(_ subscription: Subscription) {
        state.withLock { _ = $0.subscribers.removeValue(forKey: subscription.id) }
    }

    /// Whether every scope has its first list.
    public var isSynced: Bool { state.withLock { $0.scopes.values.allSatisfy(\.isSynced) } }

    /// Whether the scope that holds a key has its first list, so that a missing object is known not to exist.
    public func isSynced(for key: ObjectKey) -> Bool {
        state.withLock { ($0.scopes[""] ?? $0.scopes[key.namespace ?? ""])?.isSynced ?? false }
    }

    /// Whether all that may bear on a key is here: the scope that holds it, or, of a store that looks elsewhere, all scopes.
    func isSettled(for key: ObjectKey) -> Bool {
        state.withLock { state in
            if let scope = state.scopes[""] ?? state.scopes[key.namespace ?? ""] { return scope.isSynced }
            return state.scopes.values.allSatisfy(\.isSynced)
        }
    }

    /// How well each scope is followed.
    public var status: [StoreStatus] {
        let now = ContinuousClock.now
        return state.withLock { state in
            state.scopes.map { name, scope in
                StoreStatus(
                    scope: name,
                    isSynced: scope.isSynced,
                    staleness: scope.heard.map { now - $0 },
                    failure: scope.failure
                )
            }
        }
    }

    /// Returns when every scope has its first list, or when the task is cancelled.
    public func waitUntilSynced() async { await wait { $0.allSatisfy(\.isSynced) } }

    /// Returns when every scope has its first list or has failed to get it, or when the task is cancelled.
    func waitUntilSettled() async { await wait { $0.allSatisfy(\.isSettled) } }

    private func wait(until isSatisfied: @escaping @Sendable ([Scope]) -> Bool) async {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        let id = state.withLock { state -> Int in
            state.lastID += 1
            if isSatisfied(Array(state.scopes.values)) {
                continuation.finish()
            } else {
                state.waiters[state.lastID] = (isSatisfied, continuation)
            }
            return state.lastID
        }
        for await _ in stream {}
        // Those whose task was cancelled are still there.
        state.withLock { _ = $0.waiters.removeValue(forKey: id) }
    }

    // MARK: Writing

    /// Keeps the server's answer to a write, unless the store has seen something newer, and tells subscribers.
    ///
    /// An object that is not here is taken for new if its version is newer than all that was seen of its scope, and
    /// otherwise for deleted meanwhile.
    public func record(_ object: Object) { record(transformed(object), except: nil) }

    /// The same for a subscriber's own write: that subscriber is not told, provided that the answer is nothing but what the
    /// store had and what the write asked for. Otherwise somebody else has changed the object as well, which a watch that
    /// is behind the answer will not tell any more.
    public func record(_ object: Object, _ intent: WriteIntent, by writer: Subscription) {
        let object = transformed(object)
        let known = get(object.metadata.key)
        record(object, except: isAllThatChanged(intent, from: known, to: object) ? writer : nil)
    }

    private func record(_ object: Object, except writer: Subscription?) {
        notify(except: writer) { state in
            let metadata = object.metadata
            if state.objects[metadata.key] == nil {
                let scope = state.scopes[""] ?? state.scopes[metadata.namespace ?? ""]
                guard let scope, scope.isSynced,
                    ResourceVersion.isNewer(metadata.resourceVersion, than: scope.version)
                else { return [] }
                let changes = Self.put(object, isInitial: false, in: &state)
                if isSelective, !changes.isEmpty { state.unconfirmed[metadata.key] = metadata.resourceVersion }
                return changes
            }
            return Self.put(object, isInitial: false, in: &state)
        }
    }

    /// A list is about to come in.
    func beginList(_ scope: String) { state.withLock { $0.scopes[scope]?.list = List() } }

    /// Part of a list has come in.
    func takeListed(_ objects: [Object], _ scope: String) {
        let objects = objects.map(transformed)
        let now = ContinuousClock.now
        notify { state in
            let isInitial = state.scopes[scope]?.isSynced == false
            state.scopes[scope]?.heard = now
            return objects.flatMap { object -> [StoreChange<Object>] in
                let key = object.metadata.key
                state.unconfirmed[key] = nil
                state.scopes[scope]?.list?.keys.insert(key)
                if let known = state.objects[key]?.metadata.resourceVersion,
                    ResourceVersion.precedes(object.metadata.resourceVersion, known)
                {
                    state.scopes[scope]?.list?.older.append(object)
                    return []
                }
                return Self.put(object, isInitial: isInitial, in: &state)
            }
        }
    }

    /// The list is complete: what was not in it is gone.
    /// - Parameter isNewest: whether it was the newest state there is. Should such a list be older than what was seen
    ///   before, then the cluster was restored from a backup, and the list is right.
    func endList(_ version: String, _ scope: String, isNewest: Bool) {
        let now = ContinuousClock.now
        notify { state in
            let list = state.scopes[scope]?.list ?? List()
            let isRestored = isNewest && ResourceVersion.precedes(version, state.scopes[scope]?.version ?? "")
            let gone = state.objects.filter { key, object in
                (scope.isEmpty || key.namespace == scope) && !list.keys.contains(key)
                    // Otherwise recorded after the list was made.
                    && (isRestored || !ResourceVersion.isNewer(object.metadata.resourceVersion, than: version))
            }
            for key in gone.keys { Self.drop(key, in: &state) }
            state.scopes[scope]?.list = nil
            state.scopes[scope]?.version = version
            state.scopes[scope]?.isSynced = true
            state.scopes[scope]?.failure = nil
            state.scopes[scope]?.heard = now
            var changes = gone.values.map { StoreChange.deleted($0) }
            guard isRestored else { return changes }
            state.tombstones = Tombstones()
            for object in list.older {
                Self.drop(object.metadata.key, in: &state)
                changes += Self.put(object, isInitial: false, in: &state)
            }
            return changes
        }
    }

    /// A watch has seen an object.
    func apply(_ object: Object, _ scope: String) {
        let object = transformed(object)
        let now = ContinuousClock.now
        notify { state in
            state.unconfirmed[object.metadata.key] = nil
            let gone = Self.hear(&state, scope, upTo: object.metadata.resourceVersion, at: now)
            return gone + Self.put(object, isInitial: false, in: &state)
        }
    }

    /// A watch has seen an object go.
    func remove(_ object: Object, _ scope: String) {
        let metadata = object.metadata
        let now = ContinuousClock.now
        notify { state in
            let gone = Self.hear(&state, scope, upTo: metadata.resourceVersion, at: now)
            state.tombstones.insert(metadata.uid, at: metadata.resourceVersion)
            // The name may stand for another object by now.
            guard let known = state.objects[metadata.key], known.metadata.uid == metadata.uid else { return gone }
            if isSelective, ResourceVersion.precedes(metadata.resourceVersion, known.metadata.resourceVersion) {
                // The selection has let it go, and a write of ours came after that. The watch tells whether it came back.
                state.unconfirmed[metadata.key] = known.metadata.resourceVersion
                return gone
            }
            Self.drop(metadata.key, in: &state)
            return gone + [.deleted(known)]
        }
    }

    /// A watch has seen nothing new up to a version.
    func pass(_ version: String, _ scope: String) {
        let now = ContinuousClock.now
        notify { Self.hear(&$0, scope, upTo: version, at: now) }
    }

    /// A request has failed.
    func fail(_ reason: String, _ scope: String) {
        notify { state in
            state.scopes[scope]?.failure = reason
            return []
        }
    }

    func transformed(_ object: Object) -> Object {
        guard let transform else { return object }
        var object = object
        transform(&object)
        return object
    }

    /// Changes the state, then tells subscribers and those who wait.
    private func notify(except writer: Subscription? = nil, _ change: (inout State) -> [StoreChange<Object>]) {
        let (changes, handlers, satisfied) = state.withLock {
            state -> ([StoreChange<Object>], [Handler], [AsyncStream<Void>.Continuation]) in
            let changes = change(&state)
            let handlers = changes.isEmpty ? [] : state.subscribers.filter { $0.key != writer?.id }.map(\.value)
            guard !state.waiters.isEmpty else { return (changes, handlers, []) }
            let scopes = Array(state.scopes.values)
            let satisfied = state.waiters.filter { $0.value.isSatisfied(scopes) }
            for id in satisfied.keys { state.waiters[id] = nil }
            return (changes, handlers, satisfied.values.map(\.stream))
        }
        for change in changes {
            for handler in handlers { handler(change) }
        }
        for stream in satisfied { stream.finish() }
    }

    /// The server has spoken: all up to this version has been seen.
    /// - Returns: the ends of objects that should have been seen by now if the selection held them.
    private static func hear(
        _ state: inout State,
        _ scope: String,
        upTo version: String,
        at now: ContinuousClock.Instant
    ) -> [StoreChange<Object>] {
        state.scopes[scope]?.heard = now
        state.scopes[scope]?.failure = nil
        guard let known = state.scopes[scope]?.version, ResourceVersion.isNewer(version, than: known) else { return [] }
        state.scopes[scope]?.version = version
        let passed = state.unconfirmed.filter { key, written in
            (scope.isEmpty || key.namespace == scope) && ResourceVersion.precedes(written, version)
        }
        return passed.keys.compactMap { drop($0, in: &state).map { .deleted($0) } }
    }

    /// Stores an object unless what is known is as new.
    private static func put(_ object: Object, isInitial: Bool, in state: inout State) -> [StoreChange<Object>] {
        let metadata = object.metadata
        guard !state.tombstones.cover(metadata.uid, at: metadata.resourceVersion) else { return [] }
        guard let known = state.objects[metadata.key] else {
            store(metadata.key, object, in: &state)
            return [.added(object, isInitial: isInitial)]
        }
        guard ResourceVersion.isNewer(metadata.resourceVersion, than: known.metadata.resourceVersion) else { return [] }
        drop(metadata.key, in: &state)
        store(metadata.key, object, in: &state)
        guard known.metadata.uid == metadata.uid else {
            return [.deleted(known), .added(object, isInitial: isInitial)]
        }
        return [.updated(old: known, new: object)]
    }

    private static func store(_ key: ObjectKey, _ object: Object, in state: inout State) {
        state.objects[key] = object
        for position in state.indexes.indices { state.indexes[position].insert(key, object) }
    }

    @discardableResult
    private static func drop(_ key: ObjectKey, in state: inout State) -> Object? {
        state.unconfirmed[key] = nil
        guard let object = state.objects.removeValue(forKey: key) else { return nil }
        for position in state.indexes.indices { state.indexes[position].remove(key, object) }
        return object
    }
}
