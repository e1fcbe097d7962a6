internal import DequeModule

/// The UIDs of objects that have gone, each with the version at which it did, so that late news does not bring one back. The
/// last 4096 are remembered: far more than a watch can have under way.
///
/// Newer news does bring one back: an object that a selection has let go may come to match it again.
struct Tombstones: Sendable {
    private static let capacity = 4096
    private var order: Deque<String> = []
    private var versions: [String: String] = [:]

    mutating func insert(_ uid: String, at version: String) {
        guard !uid.isEmpty, versions.updateValue(version, forKey: uid) == nil else { return }
        order.append(uid)
        if order.count > Self.capacity { versions[order.removeFirst()] = nil }
    }

    /// Whether an object of this version is known to have gone.
    func cover(_ uid: String, at version: String) -> Bool {
        versions[uid].map { !ResourceVersion.isNewer(version, than: $0) } ?? false
    }
}
