internal import JSON
internal import KubeClient
internal import Logging
internal import Synchronization
internal import Workflows

/// One application of manifests for one step.
struct Application: Sendable {
    let manifests: Manifests
    let client: KubeClient
    let context: StepContext
    let namespace: String
    private let force: Bool
    private let adopts: Bool
    private let waits: Bool
    private let prunes: Bool
    private let pruneKinds: [JSONValue]

    init(
        _ inputs: JSONValue,
        _ manifests: Manifests,
        _ client: KubeClient,
        _ context: StepContext
    ) {
        self.manifests = manifests
        self.client = client
        self.context = context
        self.namespace = inputs["namespace"]?.string ?? context.objectNamespace
        force = inputs["force"]?.bool ?? false
        adopts = inputs["adopt"]?.bool ?? false
        waits = inputs["wait"]?.bool ?? true
        prunes = inputs["prune"]?.bool ?? false
        pruneKinds = inputs["pruneKinds"]?.array ?? []
    }

    /// Of more objects the output has the names only: it becomes part of the process's state.
    private static let detailedObjects = 500

    /// An object to apply, and where.
    struct Target: Sendable {
        let object: DynamicObject
        let reference: ObjectReference
        /// What is there now.
        let current: DynamicObject?
    }

    // MARK: Doing

    func run() async throws -> JSONValue {
        let targets = try await look()
        try refuseStrangers(targets)
        let surplus = prunes ? try await surplus(targets) : []
        try await record(targets, surplus)
        let hasChanged = Mutex(context.attempt > 1)
        do {
            let applied = try await apply(targets, hasChanged)
            for object in surplus { try await prune(object) }
            if waits { try await waitUntilReady(applied) }
            return [
                "objects": .array(
                    zip(targets, applied).map { target, object in
                        targets.count > Self.detailedObjects ? target.name(object) : target.outcome(object)
                    }
                ),
                "pruned": .array(surplus.map { .string("\(ObjectReference(to: $0))") }),
            ]
        } catch {
            guard hasChanged.withLock({ $0 }), let failure = StepError(error, as: context.clusterUser) else {
                throw error
            }
            throw failure.withEffect
        }
    }

    /// What is there of what is to be applied.
    func look() async throws -> [Target] {
        var targets: [Target] = []
        for object in manifests.objects {
            let reference = try await reference(to: object)
            guard let reference else {
                // Its kind is made by these manifests.
                targets.append(
                    Target(object: object, reference: ObjectReference(to: object, namespace: namespace), current: nil)
                )
                continue
            }
            targets.append(
                Target(object: object, reference: reference, current: try await reference.current(in: client))
            )
        }
        return targets
    }

    private func reference(to object: DynamicObject) async throws -> ObjectReference? {
        do {
            return try await ObjectReference(to: object, namespace: namespace).resolved(in: client)
        } catch let error as UnresolvedResource {
            guard manifests.definesKind(of: object) else { throw error }
            return nil
        }
    }

    private func refuseStrangers(_ targets: [Target]) throws {
        for target in targets where target.current?.metadata.deletionTimestamp != nil {
            throw StepError(.transient, "Object is being deleted", detail: "\(target.reference) is on its way out")
        }
        // What was not there at the first attempt and is not of this step was made by somebody else meanwhile.
        let made = Set((FormerObject.recorded(context) ?? []).filter { !$0.existed }.map(\.reference))
        for target in targets where made.contains(target.reference) && !target.isShared {
            guard let current = target.current, Ownership.key(of: current) != context.idempotencyKey else { continue }
            let detail = "\(target.reference) was made by somebody else while the step was tried"
            throw StepError(.permanent, "Object belongs to somebody else", detail: detail).withEffect
        }
        guard !adopts else { return }
        let strangers = targets.filter { target in
            target.current.map { !Ownership.isMarked($0) && !target.isShared } ?? false
        }
        guard !strangers.isEmpty else { return }
        let names = strangers.prefix(5).map { "\($0.reference)" }.joined(separator: ", ")
        throw StepError(
            .permanent,
            "Object belongs to somebody else",
            detail: "\(names) exists and no process has applied it; with adopt: true the step takes it over"
        )
    }

    /// Records how everything is before anything changes. What an earlier attempt has recorded is from before that.
    private func record(_ targets: [Target], _ surplus: [DynamicObject]) async throws {
        guard context.recordedUndo == nil else { return }
        let former =
            targets.map { FormerObject(of: $0.reference, $0.current) }
            + surplus.map { FormerObject(of: ObjectReference(to: $0), $0) }
        try await context.recordUndo(FormerObject.undo(former, context))
    }

    private func apply(_ targets: [Target], _ hasChanged: borrowing Mutex<Bool>) async throws -> [DynamicObject] {
        var applied: [DynamicObject] = []
        for (place, target) in targets.enumerated() {
            try Task.checkCancellation()
            if target.current == nil { try await context.recordResource("\(target.reference)") }
            let object = try await apply(target)
            hasChanged.withLock { $0 = true }
            context.logger.info("\(target.reference) is applied")
            applied.append(object)
            // What follows needs it.
            let isLast = place + 1 == targets.count
            if object.isFoundation && !isLast { try await waitUntilUsable(object) }
        }
        return applied
    }

    private func apply(_ target: Target) async throws -> DynamicObject {
        var object = Ownership.marked(target.object, for: context)
        // An object that was deleted and made anew by somebody else meanwhile is another one.
        if let uid = target.current?.metadata.uid { object.content["metadata"]?["uid"] = .string(uid) }
        return try await client.apply(
            object,
            fieldManager: Ownership.fieldManager,
            force: force,
            namespace: namespace
        )
    }

    // MARK: Pruning

    /// What this step has applied earlier and does not apply any more.
    private func surplus(_ targets: [Target]) async throws -> [DynamicObject] {
        let wanted = Set(targets.map(\.reference))
        var kinds: [ObjectReference] = []
        for target in targets where !target.object.isFoundation {
            // A kind that these manifests define may not be there yet, and nothing of it then.
            do { _ = try await target.reference.resources(in: client) } catch let error as UnresolvedResource {
                guard manifests.definesKind(of: target.object) else { throw error }
                continue
            }
            kinds.append(target.reference.ofKind)
        }
        for kind in pruneKinds {
            kinds.append(try await ObjectReference(kind, namespace: namespace, in: client))
        }
        var surplus: [DynamicObject] = []
        for kind in Set(kinds).sorted(by: { "\($0)" < "\($1)" }) {
            let selector = "\(Ownership.processLabel)=\(context.processID)"
            for object in try await kind.objects(labelled: selector, in: client) {
                let isOwn = object.metadata.annotations?[Ownership.stepAnnotation] == context.step
                guard isOwn, !wanted.contains(ObjectReference(to: object)) else { continue }
                surplus.append(object)
            }
        }
        return surplus
    }

    private func prune(_ object: DynamicObject) async throws {
        let reference = ObjectReference(to: object)
        do {
            try await reference.resources(in: client)
                .delete(reference.name, DeleteOptions(uid: object.metadata.uid, propagation: .background))
            context.logger.info("\(reference) is pruned")
        } catch let error as KubeError where error.code == .notFound {
            // It went by itself.
        }
    }

    // MARK: Waiting

    /// - Parameter objects: as the server has answered; most are ready from the start, and cost no further request.
    private func waitUntilReady(_ objects: [DynamicObject]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for object in objects where Readiness(of: object.content) != .ready {
                let reference = ObjectReference(to: object)
                group.addTask {
                    try await client.waitUntilReady(reference, time: context.time, report: WaitReport(reference.json))
                }
            }
            try await group.waitForAll()
        }
    }

    /// A server lists a new kind some time after it has accepted its definition.
    private func waitUntilUsable(_ foundation: DynamicObject) async throws {
        try await waitUntilReady([foundation])
        let objects = manifests.objects.filter { foundation.defines(kindOf: $0) }
        let end = context.time.now + .seconds(60)
        while true {
            do {
                for object in objects { _ = try await client.resources(for: object, namespace: namespace) }
                return
            } catch let error as UnresolvedResource {
                guard context.time.now < end else {
                    throw StepError(
                        .transient,
                        "Kind is not served yet",
                        detail: "a minute after its definition: \(error)"
                    )
                }
                try await context.time.sleep(for: .milliseconds(250))
                _ = try await client.mapper.refresh()
            }
        }
    }

    // MARK: Planning

    func plan() async throws -> ApplyPlan {
        let targets = try await look()
        let surplus = prunes ? try await surplus(targets) : []
        var changes: [ApplyPlan.Change] = []
        for target in targets {
            changes.append(ApplyPlan.Change(target.reference, target.current, try await expected(target)))
        }
        changes += surplus.map { ApplyPlan.Change(ObjectReference(to: $0), $0, .gone) }
        return ApplyPlan(changes: changes)
    }

    /// What the server says the object would be.
    private func expected(_ target: Target) async throws -> ApplyPlan.Expectation {
        let object = Ownership.marked(target.object, for: context)
        do {
            let resources = try await client.resources(for: object, namespace: namespace)
            return .object(
                try await resources.patch(
                    object.metadata.name,
                    .apply(object.content, fieldManager: Ownership.fieldManager, force: force),
                    WriteOptions(isDryRun: true)
                )
            )
        } catch let error as UnresolvedResource {
            guard manifests.definesKind(of: object) else { throw error }
            return .unchecked(object)
        } catch let error as KubeError where error.code == .notFound && manifests.makesNamespace(of: target.reference) {
            return .unchecked(object)
        }
    }
}

extension Application.Target {
    /// Whether it is one that many share by nature.
    fileprivate var isShared: Bool { reference.kind == "Namespace" }

    fileprivate func outcome(_ object: DynamicObject) -> JSONValue {
        var json = reference.json
        json["uid"] = .string(object.metadata.uid)
        json["resourceVersion"] = .string(object.metadata.resourceVersion)
        json["action"] = .string(action(object))
        return json
    }

    fileprivate func name(_ object: DynamicObject) -> JSONValue { .string("\(reference): \(action(object))") }

    private func action(_ object: DynamicObject) -> String {
        guard let current else { return "created" }
        return current.metadata.resourceVersion == object.metadata.resourceVersion ? "unchanged" : "configured"
    }
}

extension ObjectReference {
    /// All objects of its kind beside it.
    fileprivate var ofKind: ObjectReference {
        ObjectReference(apiVersion: apiVersion, kind: kind, namespace: namespace, name: "")
    }
}

extension Manifests {
    /// Whether one of them defines the kind of an object.
    func definesKind(of object: DynamicObject) -> Bool {
        objects.contains { $0.defines(kindOf: object) }
    }

    /// Whether one of them is the namespace of an object.
    func makesNamespace(of reference: ObjectReference) -> Bool {
        objects.contains { $0.kind == "Namespace" && $0.metadata.name == reference.namespace }
    }
}
