/// How fresh a list has to be.
public enum ListVersion: Sendable, Hashable {
    /// The newest state there is, from etcd: a quorum read.
    case newest
    /// Whatever the server's cache holds, however old: the cheapest.
    case any
    /// The server's cache, at this version or later.
    case notOlderThan(String)
    /// Exactly this version, while the server still has it (`expired` afterwards).
    case exact(String)

    var query: [(String, String)] {
        switch self {
        case .newest: []
        case .any: [("resourceVersion", "0")]
        case .notOlderThan(let version):
            [("resourceVersion", version), ("resourceVersionMatch", "NotOlderThan")]
        case .exact(let version): [("resourceVersion", version), ("resourceVersionMatch", "Exact")]
        }
    }
}
