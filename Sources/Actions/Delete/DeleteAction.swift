public import JSON
internal import KubeClient
internal import Logging
public import Workflows

/// Deletes objects and waits until they are gone.
///
/// How they were is recorded before the first is deleted, so that a rollback makes them anew; see ``RestoreAction``. Only the
/// objects that were found then are deleted, by their identity: what somebody makes under the same name meanwhile stays.
/// So repeating it does no harm. Cancellation ends the wait; what was deleted goes all the same.
public struct DeleteAction: Action {
    private let cluster: ClusterAccess

    /// Through a cluster.
    public init(cluster: ClusterAccess) { self.cluster = cluster }

    public let name = "delete"
    public let about = "Deletes objects from the cluster and waits until they are gone."
    public let isIdempotent = true
    public let touchesCluster = true
    public let undoneBy: String? = RestoreAction.actionName

    public let outputs = """
        {"deleted": [...]}, names such as Deployment gis/tiles.
        """

    public let failures = [
        ActionFailure("Not Found", .permanent, when: "An object is missing, and ignoreMissing is false."),
        ActionFailure("Forbidden", .permanent, when: "The account lacks a right; the message names it."),
        ActionFailure("API server not available", .transient, when: "It does not answer, or asks to be asked later."),
        ActionFailure("Unknown kind", .permanent, when: "The API server serves no such kind."),
    ]

    public var inputSchema: JSONSchema {
        var object = JSONSchema(.object)
        object.properties = ObjectReference.inputs.merging([
            "selector": JSONSchema(.string).with(\.description, "Labels of all to delete: `app=tiles,tier!=db`.")
        ]) { first, _ in first }
        object.required = ["apiVersion", "kind"]
        var objects = JSONSchema(.array).with(\.items, [object])
        objects.minItems = 1
        var schema = JSONSchema(.object)
        schema.properties = [
            "objects": objects.with(\.description, "What to delete, each by a name or by a selector."),
            "propagation": JSONSchema(.string).with(\.allowedValues, ["Background", "Foreground", "Orphan"])
                .with(\.description, "What becomes of the objects they own. Default Background."),
            "ignoreMissing": JSONSchema(.boolean)
                .with(\.description, "Whether an object may be gone already. Default true."),
            "wait": JSONSchema(.boolean).with(
                \.description,
                "Whether the step waits until they are gone. Default true."
            ),
        ]
        schema.required = ["objects"]
        return schema
    }

    /// - Returns: `{"deleted": [...]}`, names of objects.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let found = try await cluster.perform(for: context) { client in
            if let recorded = FormerObject.recorded(context) { return recorded }
            let found = try await find(inputs, client, context)
            try await context.recordUndo(FormerObject.undo(found, context))
            return found
        }
        let propagation = PropagationPolicy(rawValue: inputs["propagation"]?.string ?? "Background")
        try await cluster.performAfterEffect(for: context) { client in
            for former in found {
                try Task.checkCancellation()
                try await delete(former, propagation, client)
                context.logger.info("\(former.reference) is deleted")
            }
            guard inputs["wait"]?.bool ?? true else { return }
            for former in found { try await waitUntilGone(former, client, context) }
        }
        return ["deleted": .array(found.map { .string("\($0.reference)") })]
    }

    /// - Returns: `{"objects": [...]}` that would be deleted.
    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        try await cluster.perform(for: context) { client in
            let found = try await find(inputs, client, context)
            return ["would": "delete", "objects": .array(found.map { .string("\($0.reference)") })]
        }
    }

    private func find(_ inputs: JSONValue, _ client: KubeClient, _ context: StepContext) async throws -> [FormerObject]
    {
        var found: [FormerObject] = []
        for (place, json) in (inputs["objects"]?.array ?? []).enumerated() {
            let namespace = context.objectNamespace
            let reference = try await ObjectReference(json, namespace: namespace, in: client)
            switch (json["name"]?.string, json["selector"]?.string) {
            case (_?, nil):
                if let object = try await reference.current(in: client) {
                    found.append(FormerObject(of: reference, object))
                } else if !(inputs["ignoreMissing"]?.bool ?? true) {
                    throw StepError(.permanent, "Not Found", detail: "\(reference) is not there to be deleted")
                }
            case (nil, let selector?) where !selector.isEmpty:
                let selected = try await reference.objects(labelled: selector, in: client)
                found += selected.map { FormerObject(of: ObjectReference(to: $0), $0) }
            default:
                let detail = "with.objects[\(place)]: give either a name or a selector"
                throw StepError(.permanent, StepError.invalidConfiguration, detail: detail)
            }
        }
        return found
    }

    private func delete(
        _ former: FormerObject,
        _ propagation: PropagationPolicy?,
        _ client: KubeClient
    ) async throws {
        do {
            try await former.reference.resources(in: client)
                .delete(former.reference.name, DeleteOptions(uid: former.uid, propagation: propagation))
        } catch let error as KubeError where error.code == .notFound || error.code == .conflict {
            // It is gone, and what is called so now is another one.
        } catch is UnresolvedResource {
            // Its kind is gone, and with it all of it.
        }
    }

    private func waitUntilGone(_ former: FormerObject, _ client: KubeClient, _ context: StepContext) async throws {
        guard let resources = try? await former.reference.resources(in: client) else { return }
        _ =
            try await resources
            .wait(for: former.reference.name, time: context.time) { $0?.metadata.uid != former.uid }
    }
}
