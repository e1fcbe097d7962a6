public import JSON
internal import KubeClient
internal import Logging
public import Workflows

/// Puts objects back to how they were before a step changed them: what undoes `apply`, `delete` and `patch`.
///
/// What was not there is deleted, if the step's key is still in it. What was there is stored again as it was; what is gone
/// is made anew. An object that somebody else has put in the place is left alone. One that cannot be put back does not keep
/// the others from it. Repeating it changes nothing. Who managed which fields does not come back: what was changed is
/// managed by `honua` then.
public struct RestoreAction: Action {
    /// What it is called, also by the actions that it undoes.
    static let actionName = "restore"

    private let cluster: ClusterAccess

    /// Through a cluster.
    public init(cluster: ClusterAccess) { self.cluster = cluster }

    public let name = RestoreAction.actionName
    public let about = "Puts objects back to how they were before a step changed them."
    public let isIdempotent = true
    public let touchesCluster = true

    public let outputs = """
        {"restored": [...], "deleted": [...], "leftAlone": [...]}, names of objects each.
        """

    public let failures = [
        ActionFailure("Conflict", .transient, when: "The object has changed while it was put back."),
        ActionFailure("Forbidden", .permanent, when: "The account lacks a right; the message names it."),
        ActionFailure("API server not available", .transient, when: "It does not answer, or asks to be asked later."),
        ActionFailure("Unknown kind", .permanent, when: "The API server serves no such kind."),
    ]

    public var inputSchema: JSONSchema {
        var object = JSONSchema(.object).with(\.preservesUnknownFields, true)
        object.required = ["apiVersion", "kind", "name"]
        var schema = JSONSchema(.object)
        schema.properties = [
            "key": JSONSchema(.string).with(\.description, "The key of the step that changed them."),
            "objects": JSONSchema(.array).with(\.items, [object])
                .with(\.description, "Each with `former`, the object as it was; without, there was none."),
        ]
        schema.required = ["key", "objects"]
        return schema
    }

    /// - Returns: `{"restored": [...], "deleted": [...], "leftAlone": [...]}`, names of objects each.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let key = inputs["key"]?.string ?? ""
        let objects = (inputs["objects"]?.array ?? []).map(FormerObject.init)
        var done: [Outcome: [JSONValue]] = [:]
        var failures: [StepError] = []
        // What was changed last is put back first.
        for former in objects.reversed() {
            do {
                let outcome = try await cluster.perform(for: context) { client in
                    try await restore(former, key, client, context)
                }
                context.logger.info("\(former.reference): \(outcome.rawValue)")
                done[outcome, default: []].append(.string("\(former.reference)"))
            } catch let error as StepError {
                failures.append(error)
            }
        }
        if let first = failures.first(where: { $0.errorClass != .permanent }) ?? failures.first {
            let others = failures.count > 1 ? "; \(failures.count - 1) more objects could not be put back" : ""
            throw StepError(first.errorClass, first.summary, detail: (first.detail ?? "") + others)
        }
        return [
            "restored": .array(done[.restored] ?? []), "deleted": .array(done[.deleted] ?? []),
            "leftAlone": .array(done[.leftAlone] ?? []),
        ]
    }

    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let objects = (inputs["objects"]?.array ?? []).map { FormerObject($0) }
        return ["would": "restore", "objects": .array(objects.map { .string("\($0.reference)") })]
    }

    private enum Outcome: String { case restored, deleted, leftAlone, unchanged }

    private func restore(
        _ former: FormerObject,
        _ key: String,
        _ client: KubeClient,
        _ context: StepContext
    ) async throws -> Outcome {
        var current: DynamicObject?
        do {
            current = try await former.reference.current(in: client)
            if former.existed, let leaving = current, leaving.metadata.deletionTimestamp != nil {
                // It goes whatever is written to it.
                current = try await former.reference.resources(in: client)
                    .wait(for: former.reference.name, time: context.time) { $0?.metadata.uid != leaving.metadata.uid }
            }
        } catch is UnresolvedResource where !former.existed {
            // Its kind went before it.
            return .unchanged
        }
        guard former.existed else {
            guard let current, current.metadata.deletionTimestamp == nil else { return .unchanged }
            guard Ownership.key(of: current) == key else { return .leftAlone }
            try await delete(current, former.reference, client)
            return .deleted
        }
        if former.isHidden { return .leftAlone }
        guard let content = former.content else { return .leftAlone }
        guard let current else { return try await make(content, former.reference, client) }
        let isSame = current.metadata.uid == former.uid
        guard isSame || Ownership.key(of: current) == key else { return .leftAlone }
        if current.comparable == content.withoutServerFields { return .unchanged }
        return try await store(content, over: current, former.reference, client)
    }

    private func delete(_ object: DynamicObject, _ reference: ObjectReference, _ client: KubeClient) async throws {
        do {
            try await reference.resources(in: client)
                .delete(reference.name, DeleteOptions(uid: object.metadata.uid, propagation: .background))
        } catch let error as KubeError where error.code == .notFound {
            // Somebody was faster.
        }
    }

    private func make(
        _ content: JSONValue,
        _ reference: ObjectReference,
        _ client: KubeClient
    ) async throws -> Outcome {
        _ = try await reference.resources(in: client).create(
            try DynamicObject(json: content.withoutServerFields.withoutGeneratedJobFields),
            WriteOptions(fieldManager: Ownership.fieldManager)
        )
        return .restored
    }

    /// Stores an object as it was.
    private func store(
        _ content: JSONValue,
        over current: DynamicObject,
        _ reference: ObjectReference,
        _ client: KubeClient
    ) async throws -> Outcome {
        var content = content
        content["metadata"]?["resourceVersion"] = .string(current.metadata.resourceVersion)
        content["metadata"]?["uid"] = .string(current.metadata.uid)
        _ = try await reference.resources(in: client).replace(
            try DynamicObject(json: content),
            WriteOptions(fieldManager: Ownership.fieldManager)
        )
        return .restored
    }
}

extension JSONValue {
    /// A Job without the selector and the labels that its API server has made for it, and would not take back.
    var withoutGeneratedJobFields: JSONValue {
        guard self["kind"]?.string == "Job", self[path: "spec", "manualSelector"]?.bool != true else { return self }
        var job = self
        job["spec"]?["selector"] = nil
        for label in [
            "controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name",
        ] {
            if job[path: "spec", "template", "metadata", "labels"] != nil {
                job["spec"]?["template"]?["metadata"]?["labels"]?[label] = nil
            }
            if job[path: "metadata", "labels"] != nil { job["metadata"]?["labels"]?[label] = nil }
        }
        return job
    }
}
