public import JSON
internal import KubeClient
internal import Logging
public import Workflows

/// Rolls out a Deployment, StatefulSet or DaemonSet anew, goes back to a former revision, or waits for a rollout.
///
/// ## Effectively once
/// With the change it writes the step's key into an annotation of the workload, in one request that fails if anybody has
/// written in between. Another attempt that finds its key changes nothing and only waits. The annotation holds the last
/// key only: where another step has rolled out the same workload since, a repetition is not recognised, and rolls out
/// once more.
///
/// Cancelling it ends it at once; a rollout that has begun goes on.
///
/// ## Rights
/// The account needs `get` and `patch` on the workload, `list` and `watch` to wait for it, and for `undo` `list` on
/// `replicasets` (Deployments) or `controllerrevisions` (the others).
public struct RolloutAction: Action {
    private let cluster: ClusterAccess

    /// Rolls out with the rights of each step's account.
    public init(cluster: ClusterAccess) { self.cluster = cluster }

    public let name = "rollout"
    public let about = "Restarts the Pods of a workload, takes it back to a former revision, or waits for its rollout."
    public let isIdempotent = true
    public let touchesCluster = true

    public let outputs = """
        {"changed": true}, false when an earlier attempt has made the change or there was none to make; with \
        toRevision after an undo of this attempt.
        """

    /// Holds the key of the step that has changed the workload last.
    static let keyAnnotation = "honua.io/rollout-key"
    /// What `kubectl rollout restart` sets in the Pod template.
    static let restartAnnotation = "kubectl.kubernetes.io/restartedAt"
    /// How often a change is tried when others write the workload at the same time, as its controller does in a rollout.
    private static let maximumWrites = 10

    private enum Order: String { case restart, wait, undo }

    public var inputSchema: JSONSchema {
        var timeout = JSONSchema(.string).with(\.description, "Default \(WaitAction.defaultTimeout).")
        asDuration(&timeout)
        var schema = JSONSchema(.object)
        schema.properties = ObjectReference.inputs.merging([
            "apiVersion": JSONSchema(.string).with(\.description, "Default apps/v1."),
            "kind": JSONSchema(.string).with(\.allowedValues, ["Deployment", "StatefulSet", "DaemonSet"]),
            "do": JSONSchema(.string).with(\.allowedValues, ["restart", "wait", "undo"])
                .with(\.description, "What is done."),
            "toRevision": JSONSchema(.integer).with(\.minimum, 1)
                .with(\.description, "For undo. Default: the revision before the present one."),
            "wait": JSONSchema(.boolean)
                .with(\.description, "Whether the step ends when the workload is rolled out. Default true."),
            "timeout": timeout,
        ]) { $1 }
        schema.required = ["kind", "name", "do"]
        schema.rules = [
            JSONSchema.Rule(
                "!has(self.toRevision) || self.do == 'undo'",
                message: "toRevision is for undo only",
                holds: { $0["toRevision"] == nil || $0["do"] == "undo" }
            ),
            JSONSchema.Rule(
                "self.do != 'wait' || !has(self.wait) || self.wait",
                message: "do: wait cannot go with wait: false",
                holds: { $0["do"] != "wait" || $0["wait"] != false }
            ),
        ]
        return schema
    }

    /// - Returns: `{"changed": true}`, false when an earlier attempt has made the change or there was none to make; with
    ///   `toRevision` after an undo of this attempt.
    /// - Throws: a permanent `StepError` when there is no such workload or revision, when a Deployment is paused, when the
    ///   account may not change it, and when the rollout fails; one of the class `timeout` that says what is still
    ///   missing.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let limit = Duration(text: inputs["timeout"]?.string ?? WaitAction.defaultTimeout) ?? .seconds(300)
        let report = WaitReport(inputs)
        return try await context.within(limit, report) {
            let (reference, change) = try await change(inputs, context, report)
            guard inputs["wait"]?.bool ?? true else { return change.output }
            context.logger.info("Process \(context.processID) step \(context.step) waiting: for \(reference)")
            let wait = { (client: KubeClient) async throws -> Void in
                try await client.waitUntilReady(
                    reference,
                    time: context.time,
                    report: report,
                    staleFailure: change.staleFailure
                )
            }
            if change.mayHaveHappened {
                try await cluster.performAfterEffect(for: context, wait)
            } else {
                try await cluster.perform(for: context, wait)
            }
            return change.output
        }
    }

    /// - Returns: `{"would": "undo the rollout of …, to revision 3", "now": "…"}`
    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let order = order(inputs)
        return try await cluster.perform(for: context) { client in
            let reference = try await reference(inputs, context, client)
            let object = try await reference.resources(in: client).get(reference.name)
            let would: String
            switch order {
            case .wait: would = "wait until \(reference) is rolled out"
            case .restart: would = "restart the Pods of \(reference)"
            case .undo:
                let history = try await RolloutHistory(of: object, reference, in: client)
                let revision = try history.revision(inputs["toRevision"]?.int)
                would = "take \(reference) back to revision \(revision.number)"
            }
            let now: String
            switch Readiness(of: object.content) {
            case .ready: now = "it is rolled out"
            case .inProgress(let why), .failed(let why): now = why
            case .terminating: now = "it is being deleted"
            }
            // How it is now does not change what would be done.
            return ["would": .string(would), "now": .string(now), "digest": .string(Digest.sha256(Array(would.utf8)))]
        }
    }

    // MARK: Changes

    private struct Change {
        var output: JSONValue
        /// Whether this attempt or an earlier one has had an effect.
        var mayHaveHappened = false
        /// A failure of the rollout before.
        var staleFailure: JSONValue?
    }

    private func change(
        _ inputs: JSONValue,
        _ context: StepContext,
        _ report: WaitReport
    ) async throws -> (ObjectReference, Change) {
        try await cluster.perform(for: context) { client in
            let reference = try await reference(inputs, context, client)
            let resources = try await reference.resources(in: client)
            var writes = 0
            while true {
                // Answers that there is no such workload, which no wait would.
                let object = try await resources.get(reference.name)
                if order(inputs) == .wait { return (reference, Change(output: ["changed": false])) }
                if object.metadata.annotations?[Self.keyAnnotation] == context.idempotencyKey {
                    return (reference, Change(output: ["changed": false], mayHaveHappened: true))
                }
                guard object.content[path: "spec", "paused"] != true else {
                    throw StepError(.permanent, "Rollout is paused", detail: "\(reference) is paused; resume it first")
                }
                let patch: (template: JSONValue, toRevision: Int64?)
                switch order(inputs) {
                case .undo:
                    let seen = try await seen(object, reference, context, report, client)
                    let history = try await RolloutHistory(of: seen, reference, in: client)
                    let revision = try history.revision(inputs["toRevision"]?.int)
                    guard revision.number != history.revisions.last?.number else {
                        return (reference, Change(output: ["changed": false, "toRevision": .int(revision.number)]))
                    }
                    patch = (revision.template.merging(["$patch": "replace"]), revision.number)
                case .restart, .wait:
                    let annotations: JSONValue = [Self.restartAnnotation: context.time.wallTime.json()]
                    patch = (["metadata": ["annotations": annotations]], nil)
                }
                do {
                    try await write(patch.template, to: object, resources, context)
                } catch let error as KubeError where error.code == .conflict {
                    writes += 1
                    guard writes < Self.maximumWrites else {
                        throw StepError(.transient, "Conflict", detail: "\(error); others write it all the time")
                    }
                    continue
                }
                var change = Change(output: ["changed": true], mayHaveHappened: true)
                change.output["toRevision"] = patch.toRevision.map { .int($0) }
                change.staleFailure = object.content.condition("Progressing")
                return (reference, change)
            }
        }
    }

    /// The workload as soon as its controller has seen its present template, and so has numbered it.
    private func seen(
        _ object: DynamicObject,
        _ reference: ObjectReference,
        _ context: StepContext,
        _ report: WaitReport,
        _ client: KubeClient
    ) async throws -> DynamicObject {
        let seen = try await client.wait(for: reference, time: context.time, report: report) { now in
            let observed = now?.content[path: "status", "observedGeneration"]?.int ?? 0
            let isSeen = now == nil || observed >= now?.metadata.generation.map(Int64.init) ?? 0
            return isSeen ? .met : .notYet("its controller has not seen its present template yet")
        }
        guard let seen, seen.metadata.uid == object.metadata.uid else {
            throw StepError(.permanent, "Not Found", detail: "\(reference) is gone")
        }
        return seen
    }

    private func write(
        _ template: JSONValue,
        to object: DynamicObject,
        _ resources: ResourceClient<DynamicObject>,
        _ context: StepContext
    ) async throws {
        let metadata: JSONValue = [
            "resourceVersion": .string(object.metadata.resourceVersion),
            "annotations": [Self.keyAnnotation: .string(context.idempotencyKey)],
        ]
        // Strategic, since it alone can replace the template as a whole.
        _ = try await resources.patch(
            object.metadata.name,
            .strategic(["metadata": metadata, "spec": ["template": template]])
        )
    }

    private func order(_ inputs: JSONValue) -> Order {
        inputs["do"]?.string.flatMap(Order.init(rawValue:)) ?? .wait
    }

    private func reference(
        _ inputs: JSONValue,
        _ context: StepContext,
        _ client: KubeClient
    ) async throws -> ObjectReference {
        var inputs = inputs
        if inputs["apiVersion"]?.string == nil { inputs["apiVersion"] = "apps/v1" }
        return try await ObjectReference(inputs, namespace: context.objectNamespace, in: client)
    }
}
