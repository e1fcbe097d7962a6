internal import JSON
internal import KubeClient

/// What later steps get to see of an object that was waited for: what it is, and its status.
enum ObjectSummary {
    /// `{"object": {…}}`, and `"omitted"` beside it, which says why, when the status would make it larger than
    /// `WaitAction.maximumOutputBytes`.
    /// - Parameter object: nil when there is none; then only what names it.
    static func output(of object: DynamicObject?, _ reference: ObjectReference) -> JSONValue {
        var metadata: JSONValue = ["name": .string(reference.name)]
        metadata["namespace"] = reference.namespace.map { .string($0) }
        var summary: JSONValue = ["apiVersion": .string(reference.apiVersion), "kind": .string(reference.kind)]
        for name in ["uid", "resourceVersion", "generation"] {
            metadata[name] = object?.content[path: "metadata", name]
        }
        summary["metadata"] = metadata
        guard let status = object?.content["status"] else { return ["object": summary] }
        var whole = summary
        whole["status"] = status
        let output: JSONValue = ["object": whole]
        let (size, limit) = (output.serialized().count, WaitAction.maximumOutputBytes)
        guard size > limit else { return output }
        return [
            "object": summary, "omitted": .string("the status: with it there are \(size) bytes, at most \(limit) fit"),
        ]
    }
}
