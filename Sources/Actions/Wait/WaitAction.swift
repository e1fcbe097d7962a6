public import JSON
internal import KubeClient
internal import Logging
internal import Synchronization
public import Workflows

/// Waits until an object of the cluster is ready, gone, has a condition, or passes a test.
///
/// It watches the object and does not poll; one that does not exist yet is waited for. It has no effect, so that
/// repeating it does no harm: another attempt begins to wait anew. Cancelling it ends it at once.
///
/// ## Rights
/// The account needs `list` and `watch` on the object, and `get` for a plan.
///
/// ## Deleted
/// An object that was deleted and made again counts as deleted, if an attempt has seen both. Where that happened
/// between two attempts, the second one takes the new object for the one that is to go.
public struct WaitAction: Action {
    private let cluster: ClusterAccess

    /// Waits with the rights of each step's account.
    public init(cluster: ClusterAccess) { self.cluster = cluster }

    public let name = "wait"
    public let about = "Waits until an object of the cluster is ready, gone, has a condition, or passes a test."
    public let isIdempotent = true
    public let touchesCluster = true

    public let outputs = """
        {"object": {"apiVersion", "kind", "metadata": {…}, "status": …}}, at most 16 kB of it. Of an object that is \
        gone only what names it.
        """

    /// How long a step waits unless it says otherwise, as Helm does (`--timeout`).
    static let defaultTimeout = "5m"
    /// The output becomes part of the process's state, which is meant to stay small.
    static let maximumOutputBytes = 16 << 10

    public var inputSchema: JSONSchema {
        var goal = JSONSchema(.string)
            .with(\.description, "Ready, Deleted, condition=TYPE, or condition=TYPE=STATUS; STATUS is True by default.")
        goal.pattern = JSONSchema.Pattern(
            WaitGoal.form,
            meaning: "Ready, Deleted, condition=TYPE or condition=TYPE=STATUS"
        ) { WaitGoal.named($0) != nil }
        var test = JSONSchema(.string).with(\.minLength, 1)
            .with(\.description, "CEL over `object`, for example object.status.phase == 'Bound'.")
        test.pattern = JSONSchema.Pattern("^[\\s\\S]+$", meaning: "a CEL expression over `object`") { source in
            (try? WaitGoal.compile(source)) != nil
        }
        var timeout = JSONSchema(.string).with(\.description, "Default \(Self.defaultTimeout).")
        asDuration(&timeout)
        var schema = JSONSchema(.object)
        schema.properties = ObjectReference.inputs.merging(["for": goal, "test": test, "timeout": timeout]) { $1 }
        schema.required = ["apiVersion", "kind", "name"]
        schema.rules = [
            JSONSchema.Rule(
                "has(self.for) != has(self.test)",
                message: "exactly one of for and test must be given",
                holds: { ($0["for"] == nil) != ($0["test"] == nil) }
            )
        ]
        return schema
    }

    /// - Returns: `{"object": {"apiVersion", "kind", "metadata": {…}, "status": …}}`, at most 16 kB of it; see
    ///   `ObjectSummary`. Of an object that is gone only what names it.
    /// - Throws: a permanent `StepError` when the object has failed and `for` is `Ready`, when the kind does not exist, and
    ///   when the account may not look; one of the class `timeout` that says what is still missing.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let goal = try WaitGoal(inputs)
        let limit = Duration(text: inputs["timeout"]?.string ?? Self.defaultTimeout) ?? .seconds(300)
        let report = WaitReport(inputs)
        return try await context.within(limit, report) {
            try await cluster.perform(for: context) { client in
                let reference = try await reference(inputs, context, client)
                context.logger.info(
                    "Process \(context.processID) step \(context.step) waiting: for \(reference) to be \(goal.description)"
                )
                var first: String?
                let object = try await client.wait(for: reference, time: context.time, report: report) { object in
                    first = first ?? object?.metadata.uid
                    return try goal.verdict(of: object, reference, first: first)
                }
                // What has taken the place of a deleted object is not what the step was about.
                if case .deleted = goal { return ObjectSummary.output(of: nil, reference) }
                return ObjectSummary.output(of: object, reference)
            }
        }
    }

    /// - Returns: `{"would": "wait for …", "now": "…", "object": …}`; the object as it is now.
    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let goal = try WaitGoal(inputs)
        return try await cluster.perform(for: context) { client in
            let reference = try await reference(inputs, context, client)
            let object = try await reference.current(in: client)
            let now: String
            do {
                switch try goal.verdict(of: object, reference, first: object?.metadata.uid) {
                case .met: now = "it is"
                case .notYet(let what): now = what
                }
            } catch let error as StepError {
                now = error.description
            }
            var plan = ObjectSummary.output(of: object, reference)
            plan["would"] = .string("wait for \(reference) to be \(goal.description)")
            plan["now"] = .string(now)
            // How it is now does not change what would be done.
            plan["digest"] = .string(Digest.sha256(inputs.serialized()))
            return plan
        }
    }

    private func reference(
        _ inputs: JSONValue,
        _ context: StepContext,
        _ client: KubeClient
    ) async throws -> ObjectReference {
        try await ObjectReference(inputs, namespace: context.objectNamespace, in: client)
    }
}
