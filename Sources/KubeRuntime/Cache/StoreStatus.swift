/// How well a store follows one of its scopes: a namespace, or all of them.
public struct StoreStatus: Sendable {
    /// The namespace; empty for all namespaces, or for objects of the cluster.
    public let scope: String
    /// Whether a first list is complete. From then on a missing object is known not to exist.
    public let isSynced: Bool
    /// How long ago the API server was last heard of: a list, an event or a bookmark. nil before the first time.
    /// Bookmarks come about once a minute, so a healthy store stays below two minutes.
    public let staleness: Duration?
    /// Why the last request failed; nil since the last success.
    public let failure: String?
}
