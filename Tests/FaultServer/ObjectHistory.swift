import JSON

/// Objects, and every change that made them what they are, each with a version of its own: what etcd is to an API server.
struct ObjectHistory {
    enum ChangeType: String {
        case added = "ADDED"
        case modified = "MODIFIED"
        case deleted = "DELETED"
    }

    struct Change {
        let version: UInt64
        let kind: ServedKind
        let key: String
        let object: JSONValue
        /// nil when the object is new.
        let previous: JSONValue?
        let isDeletion: Bool
    }

    /// Of the last change, of whatever kind.
    private(set) var version: UInt64 = 100
    /// Versions before this one are forgotten.
    private(set) var compacted: UInt64 = 0
    private(set) var changes: [Change] = []
    private var objects: [ServedKind: [String: JSONValue]] = [:]
    private var uids = 0

    /// By namespace and name, in etcd's order.
    static func key(namespace: String?, name: String) -> String { "\(namespace ?? "")/\(name)" }

    func object(_ kind: ServedKind, _ key: String) -> JSONValue? { objects[kind]?[key] }

    /// How many objects there are, of all kinds.
    var count: Int { objects.values.reduce(0) { $0 + $1.count } }

    /// The objects there were at a version, in order.
    func objects(_ kind: ServedKind, at version: UInt64) -> [(key: String, object: JSONValue)] {
        var result = objects[kind] ?? [:]
        if version < self.version {
            for change in changes.reversed() where change.kind == kind {
                if change.version <= version { break }
                result[change.key] = change.previous
            }
        }
        return result.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    mutating func put(_ object: JSONValue, _ kind: ServedKind, _ key: String) -> Change {
        let previous = objects[kind]?[key]
        version += 1
        var object = object
        object["apiVersion"] = .string(kind.apiVersion)
        object["kind"] = .string(kind.kind)
        var metadata = object["metadata"] ?? [:]
        metadata["resourceVersion"] = .string(String(version))
        if let previous {
            metadata["uid"] = previous[path: "metadata", "uid"]
        } else {
            uids += 1
            metadata["uid"] = .string("uid-\(uids)")
        }
        object["metadata"] = metadata
        objects[kind, default: [:]][key] = object
        return record(
            Change(version: version, kind: kind, key: key, object: object, previous: previous, isDeletion: false)
        )
    }

    /// nil when there is no such object.
    mutating func delete(_ kind: ServedKind, _ key: String) -> Change? {
        guard let previous = objects[kind]?.removeValue(forKey: key) else { return nil }
        version += 1
        var last = previous
        last["metadata"]?["resourceVersion"] = .string(String(version))
        return record(
            Change(version: version, kind: kind, key: key, object: last, previous: previous, isDeletion: true)
        )
    }

    /// Lets versions pass, as changes of other kinds do.
    mutating func skip(_ count: UInt64) { version += count }

    /// Makes everything as it was at a version, which is then the present one.
    mutating func rewind(to past: UInt64) {
        for kind in objects.keys {
            objects[kind] = Dictionary(objects(kind, at: past).map { ($0.key, $0.object) }) { first, _ in first }
        }
        changes.removeAll { $0.version > past }
        version = past
        compacted = past
    }

    /// Forgets every version before the present one.
    mutating func compact() { compacted = version }

    private mutating func record(_ change: Change) -> Change {
        changes.append(change)
        return change
    }
}

extension ObjectHistory.Change {
    /// What someone sees who watches a namespace (nil: all) through selectors: an object that ceases to match is deleted
    /// to him. nil when it is none of his business.
    func event(namespace: String?, _ selectors: Selectors) -> JSONValue? {
        if let namespace, object[path: "metadata", "namespace"]?.string != namespace { return nil }
        let wasThere = previous.map(selectors.match) ?? false
        let isThere = !isDeletion && selectors.match(object)
        switch (wasThere, isThere) {
        case (false, true): return WatchLine.event(.added, object)
        case (true, true): return WatchLine.event(.modified, object)
        case (true, false): return WatchLine.event(.deleted, object)
        case (false, false): return nil
        }
    }
}
