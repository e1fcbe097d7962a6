public import JSON
internal import KubeClient
internal import Logging
public import Workflows

/// Changes part of one object.
///
/// How it was is recorded before, so that a rollback restores it; see ``RestoreAction``. The step's key goes into the object
/// with the change, in the annotation `honua.io/key`: who finds its own key there has changed it already and does not do so
/// again. When somebody has changed the object since an attempt whose result is not known, a list of operations is not
/// applied again, because nobody can tell whether it would be for the second time. A patch of the status cannot carry the
/// key; it is repeated after a failure, and not undone.
public struct PatchAction: Action {
    private let cluster: ClusterAccess

    /// Through a cluster.
    public init(cluster: ClusterAccess) { self.cluster = cluster }

    public let name = "patch"
    public let about = "Changes part of an object in the cluster."
    public let isIdempotent = true
    public let touchesCluster = true
    public let undoneBy: String? = RestoreAction.actionName

    public let outputs = """
        {"object", "changes": [...], "resourceVersion"}; a change is a line such as ~ spec.replicas: 3 -> 5.
        """

    public let failures = [
        ActionFailure("Not Found", .permanent, when: "There is no such object."),
        ActionFailure("Invalid object", .permanent, when: "The API server refuses the result."),
        ActionFailure("Forbidden", .permanent, when: "The account lacks a right; the message names it."),
        ActionFailure("API server not available", .transient, when: "It does not answer, or asks to be asked later."),
        ActionFailure("Unknown kind", .permanent, when: "The API server serves no such kind."),
    ]

    public var inputSchema: JSONSchema {
        var schema = JSONSchema(.object)
        schema.properties = ObjectReference.inputs.merging([
            "type": JSONSchema(.string).with(\.allowedValues, ["merge", "json", "strategic"]).with(
                \.description,
                "merge: RFC 7396, members replace and null removes. json: RFC 6902, a list of operations. strategic: as "
                    + "merge, and lists of built-in kinds are merged by key. Default merge."
            ),
            "patch": JSONSchema(nil).with(\.preservesUnknownFields, true)
                .with(\.description, "An object; for json a list of operations."),
            "subresource": JSONSchema(.string).with(\.allowedValues, ["status"])
                .with(\.description, "Default: the object itself. A patch of the status is not undone."),
        ]) { first, _ in first }
        schema.required = ["apiVersion", "kind", "name", "patch"]
        return schema
    }

    /// - Returns: `{"object": "Service gis/tiles", "changes": [...], "resourceVersion": "…"}`.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        try await cluster.perform(for: context) { client in
            let (reference, current) = try await find(inputs, client, context)
            let recorded = FormerObject.recorded(context)?.first
            if Ownership.key(of: current) == context.idempotencyKey {
                guard let former = recorded?.content.flatMap({ try? DynamicObject(json: $0) }) else {
                    // Of a Secret nobody knows any more how it was.
                    return ["object": .string("\(reference)"), "changes": []]
                }
                return Self.output(reference, former, current)
            }
            if let recorded { try refuseDoubt(recorded, current, inputs) }
            if recorded == nil, inputs["subresource"] == nil {
                try await context.recordUndo(FormerObject.undo([FormerObject(of: reference, current)], context))
            }
            let patched = try await patch(inputs, current, reference, client, context)
            context.logger.info("\(reference) is patched")
            return Self.output(reference, current, patched)
        }
    }

    /// - Returns: `{"object", "changes"}`, from a dry run on the server.
    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        try await cluster.perform(for: context) { client in
            let (reference, current) = try await find(inputs, client, context)
            let patched = try await patch(inputs, current, reference, client, context, isDryRun: true)
            return [
                "would": "patch", "object": .string("\(reference)"),
                "changes": .array(Self.changes(current, patched)),
            ]
        }
    }

    /// The key of an attempt may have been there and have been replaced by that of another step.
    private func refuseDoubt(_ recorded: FormerObject, _ current: DynamicObject, _ inputs: JSONValue) throws(StepError)
    {
        guard recorded.uid == current.metadata.uid else {
            let detail = "\(recorded.reference) was deleted and made anew while the step was tried"
            throw StepError(.permanent, "Object belongs to somebody else", detail: detail)
        }
        let version = recorded.content?[path: "metadata", "resourceVersion"]?.string
        guard inputs["type"]?.string == "json", version != current.metadata.resourceVersion else { return }
        let detail =
            "\(recorded.reference) has changed since an attempt whose result is not known; look whether the patch is in it"
        throw StepError(.permanent, "Outcome unknown", detail: detail).withEffect
    }

    private func find(
        _ inputs: JSONValue,
        _ client: KubeClient,
        _ context: StepContext
    ) async throws -> (ObjectReference, DynamicObject) {
        let reference = try await ObjectReference(inputs, namespace: context.objectNamespace, in: client)
        return (reference, try await reference.resources(in: client).get(reference.name))
    }

    private func patch(
        _ inputs: JSONValue,
        _ current: DynamicObject,
        _ reference: ObjectReference,
        _ client: KubeClient,
        _ context: StepContext,
        isDryRun: Bool = false
    ) async throws -> DynamicObject {
        let subresource = inputs["subresource"]?.string.map { Subresource(rawValue: $0) }
        return try await reference.resources(in: client).patch(
            reference.name,
            try patch(inputs, current, context, isMarked: subresource == nil),
            subresource: subresource,
            WriteOptions(isDryRun: isDryRun, fieldManager: Ownership.fieldManager)
        )
    }

    /// The patch with the step's key in it.
    private func patch(
        _ inputs: JSONValue,
        _ current: DynamicObject,
        _ context: StepContext,
        isMarked: Bool
    ) throws(StepError) -> Patch {
        let type = inputs["type"]?.string ?? "merge"
        var patch = inputs["patch"] ?? .null
        guard type == "json" else {
            guard case .object = patch else { throw Self.unfit(type, patch, "an object") }
            if isMarked {
                var metadata = patch["metadata"] ?? [:]
                var annotations = metadata["annotations"] ?? [:]
                annotations[Ownership.keyAnnotation] = .string(context.idempotencyKey)
                metadata["annotations"] = annotations
                // Another object of the same name is not meant.
                metadata["uid"] = .string(current.metadata.uid)
                patch["metadata"] = metadata
            }
            return type == "merge" ? .merge(patch) : .strategic(patch)
        }
        guard case .array(var operations) = patch else { throw Self.unfit(type, patch, "a list of operations") }
        operations.insert(["op": "test", "path": "/metadata/uid", "value": .string(current.metadata.uid)], at: 0)
        if isMarked {
            if current.metadata.annotations == nil {
                operations.append(["op": "add", "path": "/metadata/annotations", "value": [:]])
            }
            let path = Ownership.keyAnnotation.replacing("/", with: "~1")
            operations.append([
                "op": "add", "path": .string("/metadata/annotations/\(path)"), "value": .string(context.idempotencyKey),
            ])
        }
        return .json(operations)
    }

    private static func unfit(_ type: String, _ patch: JSONValue, _ expected: String) -> StepError {
        let detail = "with.patch is a \(patch.kind); a patch of type \(type) is \(expected)"
        return StepError(.permanent, StepError.invalidConfiguration, detail: detail)
    }

    private static func output(
        _ reference: ObjectReference,
        _ former: DynamicObject?,
        _ latter: DynamicObject
    ) -> JSONValue {
        [
            "object": .string("\(reference)"), "changes": .array(changes(former, latter)),
            "resourceVersion": .string(latter.metadata.resourceVersion),
        ]
    }

    private static func changes(_ former: DynamicObject?, _ latter: DynamicObject) -> [JSONValue] {
        let isMark = { (line: String) in line.contains("metadata.annotations.\(Ownership.keyAnnotation)") }
        return ObjectDiff(former, latter).lines.filter { !isMark($0) }.map { .string($0) }
    }
}
