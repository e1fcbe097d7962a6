public import JSON
internal import KubeClient
internal import Logging
public import Workflows

/// Makes the cluster hold objects as manifests say, by server-side apply, and waits until they are ready.
///
/// - The objects are applied in the order in which they need each other: namespaces and definitions of kinds first, each
///   waited for before what follows.
/// - Before the first of them how they were is recorded, so that a rollback restores it; see ``RestoreAction``. Of Secrets
///   nothing is recorded but that they were there.
/// - What it makes is recorded as a created resource before it is made.
/// - Objects carry the label `honua.io/process` and the annotations `honua.io/step` and `honua.io/key`. An object that no
///   process has applied before is not touched unless `adopt` is true.
///
/// Idempotent: server-side apply of the same manifests changes nothing. Cancellation ends it between two requests.
public struct ApplyAction: Action {
    private let cluster: ClusterAccess

    /// Through a cluster.
    public init(cluster: ClusterAccess) { self.cluster = cluster }

    public let name = "apply"
    public let about = "Applies objects to the cluster and waits until they are ready."
    public let isIdempotent = true
    public let touchesCluster = true
    public let undoneBy: String? = RestoreAction.actionName

    public let outputs = """
        {"objects": [{apiVersion, kind, namespace, name, uid, resourceVersion, action}], "pruned": [...]}; action is created, \
        configured or unchanged. Of more than 500 objects the names and what was done with them.
        """

    public let failures = [
        ActionFailure(
            "Invalid manifests",
            .permanent,
            when: "They cannot be read, an object has no name, is there twice or is too large."
        ),
        ActionFailure(
            "Object belongs to somebody else",
            .permanent,
            when: "No process has applied it, and adopt is not true."
        ),
        ActionFailure("Conflict", .permanent, when: "Somebody else manages a field, and force is not true."),
        ActionFailure("Invalid object", .permanent, when: "The API server refuses it."),
        ActionFailure("Object failed", .permanent, when: "It does not become ready by itself."),
        ActionFailure("Plan has drifted", .permanent, when: "The plan is not the one of planDigest."),
        ActionFailure("Forbidden", .permanent, when: "The account lacks a right; the message names it."),
        ActionFailure("API server not available", .transient, when: "It does not answer, or asks to be asked later."),
        ActionFailure("Unknown kind", .permanent, when: "The API server serves no such kind."),
    ]

    public var inputSchema: JSONSchema {
        var manifests = JSONSchema(nil).with(\.preservesUnknownFields, true)
        manifests.description = "A list of objects, or YAML text of one or more documents."
        var kind = JSONSchema(.object)
        kind.properties = ["apiVersion": JSONSchema(.string), "kind": JSONSchema(.string)]
        kind.required = ["apiVersion", "kind"]
        var schema = JSONSchema(.object)
        schema.properties = [
            "manifests": manifests,
            "namespace": JSONSchema(.string)
                .with(\.description, "For objects that name none. Default: that of the process."),
            "force": JSONSchema(.boolean)
                .with(\.description, "Whether fields that others manage are taken over. Default false: a conflict."),
            "adopt": JSONSchema(.boolean)
                .with(\.description, "Whether objects are taken over that no process has applied. Default false."),
            "wait": JSONSchema(.boolean)
                .with(\.description, "Whether the step waits until all objects are ready. Default true."),
            "prune": JSONSchema(.boolean).with(
                \.description,
                "Whether objects are deleted that this step applied earlier and that are not among the manifests any more: "
                    + "those of the kinds among the manifests, and of `pruneKinds`. Default false."
            ),
            "pruneKinds": JSONSchema(.array).with(\.items, [kind])
                .with(\.description, "More kinds to prune, such as those that are gone from the manifests."),
            "planDigest": JSONSchema(.string)
                .with(\.description, "The digest of the plan that was approved; another plan is refused."),
        ]
        schema.required = ["manifests"]
        return schema
    }

    /// - Returns: `{"objects": [{apiVersion, kind, namespace, name, uid, resourceVersion, action}], "pruned": [...]}`;
    ///   `action` is `created`, `configured` or `unchanged`.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let manifests = try Manifests(inputs["manifests"] ?? .null)
        return try await cluster.perform(for: context) { client in
            let application = Application(inputs, manifests, client, context)
            // Only before anything has changed: afterwards another plan is what is left of the approved one.
            if context.recordedUndo == nil, let digest = inputs["planDigest"]?.string {
                let plan = try await application.plan()
                guard plan.digest == digest else {
                    throw StepError(
                        .permanent,
                        "Plan has drifted",
                        detail: "approved was \(digest), now it would be \(plan.digest); plan again and approve that"
                    )
                }
            }
            return try await application.run()
        }
    }

    /// - Returns: `{"objects": [{"object", "action", "changes"}], "digest"}`, from a dry run on the server.
    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let manifests = try Manifests(inputs["manifests"] ?? .null)
        return try await cluster.perform(for: context) { client in
            try await Application(inputs, manifests, client, context).plan().json
        }
    }
}
