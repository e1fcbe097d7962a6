public import JSON

/// A change to an object that does not need the whole object.
public enum Patch: Sendable, Hashable {
    /// RFC 7396: members replace, `null` removes. Lists are replaced whole.
    case merge(JSONValue)
    /// RFC 6902: a list of operations, applied all or none.
    case json([JSONValue])
    /// Kubernetes' own form: like a merge, except that lists of built-in kinds are merged by key. Custom resources refuse it.
    case strategic(JSONValue)
    /// Server-side apply: the fields this manager wants. With `force`, fields of other managers are taken over.
    case apply(JSONValue, fieldManager: String, force: Bool = false)

    var contentType: String {
        switch self {
        case .merge: "application/merge-patch+json"
        case .json: "application/json-patch+json"
        case .strategic: "application/strategic-merge-patch+json"
        // JSON is YAML, and this is the one media type servers since 1.16 know for apply.
        case .apply: "application/apply-patch+yaml"
        }
    }

    /// The `resourceVersion` the server insists on; nil when it applies the patch to whatever there is.
    private var version: String? {
        switch self {
        case .merge(let value), .strategic(let value), .apply(let value, _, _):
            value[path: "metadata", "resourceVersion"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        case .json(let operations):
            operations.first { $0["op"] == "test" && $0["path"] == "/metadata/resourceVersion" }?["value"]?.string
        }
    }

    var intent: WriteIntent {
        if let version { return .conditional(version: version) }
        return switch self {
        case .merge(let value), .apply(let value, _, _): .merge(value)
        case .json, .strategic: .other
        }
    }

    var body: [UInt8] {
        switch self {
        case .merge(let value), .strategic(let value), .apply(let value, _, _): value.serialized()
        case .json(let operations): JSONValue.array(operations).serialized()
        }
    }
}
