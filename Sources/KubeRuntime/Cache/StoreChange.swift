public import KubeClient

/// One change of a store.
public enum StoreChange<Object: KubeObject>: Sendable {
    /// The object is new to the store.
    /// - Parameter isInitial: whether it came with a first list, so that it may be old news.
    case added(Object, isInitial: Bool)
    /// The object has a new version.
    case updated(old: Object, new: Object)
    /// The object is gone; this is the last state the store knew. Its successor under the same name, with another UID, is
    /// `added` right afterwards.
    case deleted(Object)

    /// The object as it is now, or was last.
    public var object: Object {
        switch self {
        case .added(let object, _), .updated(_, let object), .deleted(let object): object
        }
    }
}
