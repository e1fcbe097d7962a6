public import KubeClient
internal import Synchronization

/// The local copy of the objects a reflector follows. Readers see whole states only, never half a list.
///
/// What is read may be older than what the API server holds; a reconciler that has just written an object gives the
/// server's answer to `record(_:)`, so that it never reads a state older than its own write.
public final class Store<Object: KubeObject>: Sendable {
    private struct State {
        var objects: [ObjectKey: Object] = [:]
        var synced: Set<String> = []
        var waiters: [AsyncStream<Void>.Continuation] = []
    }

    private let scopes: Set<String>
    private let state = Mutex(State())

    /// An empty store.
    /// - Parameter scopes: the namespaces whose reflectors fill it; `[""]` for all namespaces at once.
    public init(scopes: [String] = [""]) { self.scopes = Set(scopes) }

    /// The object, or nil when there is none, or none yet.
    public func get(_ key: ObjectKey) -> Object? { state.withLock { $0.objects[key] } }

    /// Every object, in no particular order.
    public var objects: [Object] { state.withLock { Array($0.objects.values) } }

    /// How many objects there are.
    public var count: Int { state.withLock { $0.objects.count } }

    /// Whether every reflector has delivered its first list.
    public var isSynced: Bool { state.withLock { $0.synced.isSuperset(of: scopes) } }

    /// Keeps the server's answer to a write, unless the store has seen something newer.
    public func record(_ object: Object) {
        state.withLock { state in
            guard let known = state.objects[object.metadata.key],
                known.metadata.uid == object.metadata.uid,
                ResourceVersion.isNewer(object.metadata.resourceVersion, than: known.metadata.resourceVersion)
            else { return }
            state.objects[object.metadata.key] = object
        }
    }

    /// Keeps an object seen by a watch.
    /// - Returns: whether anything changed; false for the echo of a write that is already recorded.
    func apply(_ object: Object) -> Bool {
        state.withLock { state in
            let metadata = object.metadata
            if let known = state.objects[metadata.key]?.metadata, known.uid == metadata.uid,
                !ResourceVersion.isNewer(metadata.resourceVersion, than: known.resourceVersion)
            {
                return false
            }
            state.objects[metadata.key] = object
            return true
        }
    }

    /// Forgets a deleted object, unless its name stands for another one by now.
    func remove(_ object: Object) {
        state.withLock { state in
            let metadata = object.metadata
            guard state.objects[metadata.key]?.metadata.uid == metadata.uid else { return }
            state.objects[metadata.key] = nil
        }
    }

    /// Takes over a whole list.
    /// - Returns: the keys that are new, changed or gone.
    func replace(_ objects: [Object], scope: String) -> [ObjectKey] {
        let (changed, waiters) = state.withLock { state -> ([ObjectKey], [AsyncStream<Void>.Continuation]) in
            var changed: [ObjectKey] = []
            var listed: Set<ObjectKey> = []
            for object in objects {
                let metadata = object.metadata
                listed.insert(metadata.key)
                guard state.objects[metadata.key]?.metadata.resourceVersion != metadata.resourceVersion else {
                    continue
                }
                state.objects[metadata.key] = object
                changed.append(metadata.key)
            }
            for key in state.objects.keys where (scope.isEmpty || key.namespace == scope) && !listed.contains(key) {
                state.objects[key] = nil
                changed.append(key)
            }
            state.synced.insert(scope)
            guard state.synced.isSuperset(of: scopes) else { return (changed, []) }
            defer { state.waiters = [] }
            return (changed, state.waiters)
        }
        for waiter in waiters { waiter.finish() }
        return changed
    }

    /// Returns when every reflector has delivered its first list, or when the task is cancelled.
    public func waitUntilSynced() async {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { state in
            if state.synced.isSuperset(of: scopes) { continuation.finish() } else { state.waiters.append(continuation) }
        }
        for await _ in stream {}
    }
}

/// The order of resource versions, where they have one.
///
/// Versions of one kind are decimal numbers without leading zeros and may be compared (Kubernetes KEP-5504). Anything
/// else is opaque: then the version that came last counts as newer.
public enum ResourceVersion {
    /// Whether `version` is later than `other`.
    public static func isNewer(_ version: String, than other: String) -> Bool {
        guard isNumber(version), isNumber(other) else { return version != other }
        return version.utf8.count == other.utf8.count ? version > other : version.utf8.count > other.utf8.count
    }

    private static func isNumber(_ version: String) -> Bool {
        !version.isEmpty && !version.hasPrefix("0") && version.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}
