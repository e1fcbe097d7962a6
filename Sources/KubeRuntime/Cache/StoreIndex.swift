public import KubeClient

/// Objects of a store by something else than their key, kept up to date by the store. Made by `Store.index(by:)`.
public struct StoreIndex<Object: KubeObject>: Sendable {
    let store: Store<Object>
    let position: Int

    /// The objects with that value, in no particular order.
    public subscript(_ value: String) -> [Object] { store.objects(at: position, value) }

    /// The keys of the objects with that value.
    public func keys(_ value: String) -> Set<ObjectKey> { store.keys(at: position, value) }
}

/// What an index knows.
struct StoreIndexContent<Object: KubeObject>: Sendable {
    let values: @Sendable (Object) -> [String]
    private(set) var keys: [String: Set<ObjectKey>] = [:]

    init(values: @escaping @Sendable (Object) -> [String]) { self.values = values }

    mutating func insert(_ key: ObjectKey, _ object: Object) {
        for value in values(object) { keys[value, default: []].insert(key) }
    }

    mutating func remove(_ key: ObjectKey, _ object: Object) {
        for value in values(object) {
            keys[value]?.remove(key)
            if keys[value]?.isEmpty == true { keys[value] = nil }
        }
    }
}
