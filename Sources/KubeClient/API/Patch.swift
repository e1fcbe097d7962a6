public import JSON

/// A change to an object that does not need the whole object.
public enum Patch: Sendable {
    /// RFC 7396: members replace, `null` removes. Lists are replaced whole.
    case merge(JSONValue)
    /// RFC 6902: a list of operations, applied all or none.
    case json([JSONValue])
    /// Server-side apply: the fields this manager wants. With `force`, fields of other managers are taken over.
    case apply(JSONValue, fieldManager: String, force: Bool = false)

    var contentType: String {
        switch self {
        case .merge: "application/merge-patch+json"
        case .json: "application/json-patch+json"
        // JSON is YAML, and this is the one media type servers since 1.16 know for apply.
        case .apply: "application/apply-patch+yaml"
        }
    }

    var body: [UInt8] {
        switch self {
        case .merge(let value), .apply(let value, _, _): value.serialized()
        case .json(let operations): JSONValue.array(operations).serialized()
        }
    }
}

/// Which objects of a list or watch are wanted.
public struct Selection: Sendable, Hashable {
    /// For example `app=honua,tier!=test`.
    public var labelSelector: String?
    /// For example `metadata.name=deploy`.
    public var fieldSelector: String?

    /// Everything, unless narrowed.
    public init(labelSelector: String? = nil, fieldSelector: String? = nil) {
        self.labelSelector = labelSelector
        self.fieldSelector = fieldSelector
    }

    var query: [(String, String)] {
        [("labelSelector", labelSelector), ("fieldSelector", fieldSelector)].compactMap { name, value in
            value.map { (name, $0) }
        }
    }
}

/// What becomes of the objects that an object owns when it is deleted.
public enum PropagationPolicy: String, Sendable {
    /// They go later, by the garbage collector.
    case background = "Background"
    /// They go first.
    case foreground = "Foreground"
    /// They stay.
    case orphan = "Orphan"
}
