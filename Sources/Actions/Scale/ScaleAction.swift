public import JSON
internal import KubeClient
internal import Logging
public import Workflows

/// Says how many replicas an object is to have, and waits until it has them.
///
/// Works for every kind with the scale subresource. Repeating it changes nothing more: what is set is a number and not a
/// difference. Cancelling it ends it at once; the object then keeps the number it has by then.
///
/// ## Undo
/// Before the effect it records the former number; `scale` itself undoes it. Where there is nothing to change it records
/// nothing.
///
/// ## Rights
/// The account needs `get` and `patch` on the subresource (`deployments/scale`), and `list` and `watch` on the object to
/// wait for it.
public struct ScaleAction: Action {
    private let cluster: ClusterAccess

    /// Scales with the rights of each step's account.
    public init(cluster: ClusterAccess) { self.cluster = cluster }

    public let name = "scale"
    public let about = "Sets how many replicas an object of the cluster has, and waits until it has them."
    public let isIdempotent = true
    public let touchesCluster = true
    public let undoneBy: String? = "scale"

    public let outputs = """
        {"replicas": 5, "former": 3}
        """

    public var inputSchema: JSONSchema {
        var timeout = JSONSchema(.string).with(\.description, "Default \(WaitAction.defaultTimeout).")
        asDuration(&timeout)
        let replicas = JSONSchema(.integer).with(\.description, "How many there are to be.").with(\.minimum, 0)
        let waits = JSONSchema(.boolean).with(\.description, "Whether the step ends when they are ready. Default true.")
        var schema = JSONSchema(.object)
        schema.properties = ObjectReference.inputs.merging(
            ["replicas": replicas, "waitUntilReady": waits, "timeout": timeout]
        ) { $1 }
        schema.required = ["apiVersion", "kind", "name", "replicas"]
        return schema
    }

    /// - Returns: `{"replicas": 5, "former": 3}`
    /// - Throws: a permanent `StepError` when there is no such kind or object, when it has no replicas to set, when the
    ///   account may not set them, and when it fails afterwards; one of the class `timeout` that says what is still
    ///   missing.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let limit = Duration(text: inputs["timeout"]?.string ?? WaitAction.defaultTimeout) ?? .seconds(300)
        let report = WaitReport(inputs)
        return try await context.within(limit, report) {
            let (reference, output) = try await scale(inputs, context)
            guard inputs["waitUntilReady"]?.bool ?? true else { return output }
            context.logger.info("Process \(context.processID) step \(context.step) waiting: for \(reference)")
            try await cluster.performAfterEffect(for: context) { client in
                _ = try await client.waitUntilReady(reference, time: context.time, report: report)
            }
            return output
        }
    }

    /// - Returns: `{"would": "scale Deployment gis/tiles, replicas: 3 -> 5", "replicas": 5, "former": 3}`
    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let wanted = inputs["replicas"]?.int ?? 0
        return try await cluster.perform(for: context) { client in
            let (reference, resources) = try await scalable(inputs, context, client)
            let former = try await resources.scale(reference.name).replicas
            return [
                "would": .string("scale \(reference), replicas: \(former) -> \(wanted)"),
                "replicas": .int(wanted), "former": .int(Int64(former)),
            ]
        }
    }

    private func scale(_ inputs: JSONValue, _ context: StepContext) async throws -> (ObjectReference, JSONValue) {
        let wanted = Int(inputs["replicas"]?.int ?? 0)
        return try await cluster.perform(for: context) { client in
            let (reference, resources) = try await scalable(inputs, context, client)
            let now = try await resources.scale(reference.name).replicas
            // What an earlier attempt has changed is no longer to be seen.
            let former = context.recordedUndo?["replicas"]?.int ?? Int64(now)
            if now != wanted {
                try await context.recordUndo(Self.undo(inputs, reference, former: former))
                _ = try await resources.scale(reference.name, to: wanted)
            }
            return (reference, ["replicas": .int(Int64(wanted)), "former": .int(former)])
        }
    }

    /// The inputs that bring the former number back.
    private static func undo(_ inputs: JSONValue, _ reference: ObjectReference, former: Int64) -> JSONValue {
        var undo = inputs
        undo["namespace"] = reference.namespace.map { .string($0) }
        undo["replicas"] = .int(former)
        return undo
    }

    private func scalable(
        _ inputs: JSONValue,
        _ context: StepContext,
        _ client: KubeClient
    ) async throws -> (ObjectReference, ResourceClient<DynamicObject>) {
        let reference = try await ObjectReference(inputs, namespace: context.objectNamespace, in: client)
        let kind = try await client.mapper.resource(apiVersion: reference.apiVersion, kind: reference.kind)
        guard kind.subresource("scale") != nil else {
            throw StepError(
                .permanent,
                StepError.invalidConfiguration,
                detail: "\(reference) cannot be scaled: \(kind.api.qualifiedName) have no scale subresource"
            )
        }
        return (reference, try await reference.resources(in: client))
    }
}
