package import JSON

/// What a watch can say, one JSON value per line.
package enum WatchLine {
    package static func added(_ object: JSONValue) -> JSONValue { event(.added, object) }
    package static func modified(_ object: JSONValue) -> JSONValue { event(.modified, object) }
    package static func deleted(_ object: JSONValue) -> JSONValue { event(.deleted, object) }

    /// The server cannot go on.
    package static func error(_ answer: StatusAnswer) -> JSONValue {
        ["type": "ERROR", "object": answer.document]
    }

    /// Nothing but a version. `endsInitialEvents` marks the one after which a streamed list is complete.
    package static func bookmark(
        _ version: UInt64,
        _ kind: ServedKind = .configMap,
        endsInitialEvents: Bool = false
    ) -> JSONValue {
        var metadata: JSONValue = ["resourceVersion": .string(String(version)), "creationTimestamp": .null]
        if endsInitialEvents { metadata["annotations"] = ["k8s.io/initial-events-end": "true"] }
        return [
            "type": "BOOKMARK",
            "object": ["kind": .string(kind.kind), "apiVersion": .string(kind.apiVersion), "metadata": metadata],
        ]
    }

    static func event(_ type: ObjectHistory.ChangeType, _ object: JSONValue) -> JSONValue {
        ["type": .string(type.rawValue), "object": object]
    }
}
