internal import JSON
public import KubeClient

/// What an event is about (`v1.ObjectReference`).
public struct EventObject: Sendable, Hashable {
    let key: ObjectKey
    let uid: String
    let apiVersion: String
    let kind: String

    /// Points to an object.
    public init(_ metadata: ObjectMeta, of api: APIResource) {
        key = metadata.key
        uid = metadata.uid
        apiVersion = api.apiVersion
        kind = api.kind
    }

    /// Where events about it are: in its own namespace; for objects of the cluster in `default`, which the API server
    /// insists on (`pkg/apis/core/validation/events.go`).
    var eventNamespace: String { key.namespace ?? "default" }

    var json: JSONValue {
        var reference: JSONValue = [
            "apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(key.name), "uid": .string(uid),
        ]
        if let namespace = key.namespace { reference["namespace"] = .string(namespace) }
        return reference
    }
}
