public import JSON
internal import KubeClient
internal import Logging
public import Workflows

/// Runs a container to its end, as a Kubernetes Job under the step's service account.
///
/// - The Job's name follows from the step and its key, so that a repetition finds the Job that is there and waits for it. A
///   Job of that name without the key in it is somebody else's, and the step fails.
/// - The output is the exit code and the termination message; one that is JSON counts as that. The tail of the log is kept
///   with it, so that it outlives the Pod.
/// - A step that is cancelled or takes too long deletes its Job. When the operator ends, the Job goes on, and the next
///   operator waits for it.
///
/// Errors: a failed Job is permanent, and has had an effect; the Job's own `backoffLimit` decides how often its Pod is tried.
public struct JobAction: Action {
    private let cluster: ClusterAccess

    /// Through a cluster.
    public init(cluster: ClusterAccess) { self.cluster = cluster }

    public let name = "job"
    public let about = "Runs a container to its end as a Kubernetes Job."
    public let isIdempotent = true
    public let touchesCluster = true

    public let outputs = """
        {"job", "exitCode", "message", "log"}; the termination message as JSON if it is, and the end of the log. What is not \
        known is absent.
        """

    public let failures = [
        ActionFailure(
            "Job failed",
            .permanent,
            when: "With exit code, termination message and the last line of the log."
        ),
        ActionFailure("Job is gone", .permanent, when: "Somebody has deleted it while it ran."),
        ActionFailure("Object belongs to somebody else", .permanent, when: "A Job of that name is not this step's."),
        ActionFailure("Forbidden", .permanent, when: "The account lacks a right; the message names it."),
        ActionFailure("API server not available", .transient, when: "It does not answer, or asks to be asked later."),
        ActionFailure("Unknown kind", .permanent, when: "The API server serves no such kind."),
    ]

    /// How much of a log is kept: it becomes part of the process's state.
    static let logBytes = 16 << 10
    static let logLines = 200

    public var inputSchema: JSONSchema {
        let strings = JSONSchema(.array).with(\.items, [JSONSchema(.string)])
        let free = JSONSchema(.object).with(\.preservesUnknownFields, true)
        var variable = JSONSchema(.object).with(\.preservesUnknownFields, true)
        variable.required = ["name"]
        var timeout = JSONSchema(.string).with(
            \.description,
            "Limit for the Job (activeDeadlineSeconds). Default none."
        )
        asDuration(&timeout)
        var schema = JSONSchema(.object)
        schema.properties = [
            "image": JSONSchema(.string).with(\.description, "The container's image. Or `template`."),
            "command": strings.with(\.description, "Instead of the image's entry point."),
            "args": strings.with(\.description, "Its arguments."),
            "env": JSONSchema(.array).with(\.items, [variable])
                .with(\.description, "As in a container: name with value or valueFrom, such as a secretKeyRef."),
            "resources": free.with(\.description, "As in a container: requests and limits."),
            "template": free.with(
                \.description,
                "A whole Pod template, `{metadata, spec}`, instead of the above. Its service account is the step's."
            ),
            "backoffLimit": JSONSchema(.integer).with(\.minimum, 0)
                .with(\.description, "How often the Job tries its Pod again. Default 0."),
            "timeout": timeout,
            "ttlAfterFinished": JSONSchema(.integer).with(\.minimum, 3600).with(
                \.description,
                "Seconds after which the finished Job is deleted. An operator that was away for longer runs it again. "
                    + "Default: it stays."
            ),
            "log": JSONSchema(.boolean).with(
                \.description,
                "Whether the end of the log is kept with the process's state, secrets that the program prints included. "
                    + "Default true."
            ),
        ]
        return schema
    }

    /// - Returns: `{"job": "Job gis/smoke-6f1c0a2e", "exitCode": 0, "message": …, "log": "…"}`; what is not known is absent.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let job = try JobManifest(inputs, context)
        try await context.recordResource("\(job.reference)")
        try await cluster.perform(for: context) { client in
            // In a task of its own: a Job that was asked for is known to be there, and is deleted if nobody waits for it.
            try await Task { try await start(job, client, context) }.value
        }
        do {
            try Task.checkCancellation()
            return try await cluster.performAfterEffect(for: context) { client in
                let finished = try await job.reference.resources(in: client)
                    .wait(for: job.reference.name, time: context.time) { $0.map { JobEnd($0) != nil } ?? true }
                return try await result(finished, job, client, context, keepsLog: inputs["log"]?.bool ?? true)
            }
        } catch is CancellationError {
            if context.wasStopped() { await remove(job, try cluster.client(for: context), context) }
            throw CancellationError()
        }
    }

    /// - Returns: the Job that would be made, checked by the server.
    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        let job = try JobManifest(inputs, context)
        return try await cluster.perform(for: context) { client in
            let made = try await job.reference.resources(in: client).create(job.object, WriteOptions(isDryRun: true))
            return [
                "would": "run", "object": .string("\(job.reference)"),
                "changes": .array(ObjectDiff(nil, made).lines.map { .string($0) }),
                // The name follows from the key, and is another one in each run.
                "digest": .string(Digest.sha256(inputs.serialized())),
            ]
        }
    }

    private func start(_ job: JobManifest, _ client: KubeClient, _ context: StepContext) async throws {
        do {
            _ = try await job.reference.resources(in: client)
                .create(job.object, WriteOptions(fieldManager: Ownership.fieldManager))
            context.logger.info("\(job.reference) is made")
        } catch let error as KubeError where error.code == .alreadyExists {
            guard let there = try await job.reference.current(in: client) else { throw error }
            guard Ownership.key(of: there) == context.idempotencyKey else {
                throw StepError(
                    .permanent,
                    "Object belongs to somebody else",
                    detail: "\(job.reference) exists and is not this step's; delete it or rename the step"
                )
            }
            context.logger.info("\(job.reference) is there already, the step waits for it")
        }
    }

    private func result(
        _ object: DynamicObject?,
        _ job: JobManifest,
        _ client: KubeClient,
        _ context: StepContext,
        keepsLog: Bool
    ) async throws -> JSONValue {
        guard let object, let end = JobEnd(object) else {
            throw StepError(.permanent, "Job is gone", detail: "\(job.reference) was deleted while it ran")
        }
        let pod = try await lastPod(of: job, client, context)
        let terminated = pod?.terminated
        let log = keepsLog ? await self.log(of: pod?.name, job, client) : nil
        guard end.isComplete else {
            var words = ["\(job.reference): \(end.reason)"]
            if let code = terminated?["exitCode"]?.int { words.append("exit code \(code)") }
            if let message = terminated?["message"]?.string, !message.isEmpty { words.append(message) }
            if let line = log?.split(separator: "\n").last { words.append("last line of the log: \(line)") }
            throw StepError(.permanent, "Job failed", detail: words.joined(separator: "; "))
        }
        var output: JSONValue = ["job": .string("\(job.reference)")]
        output["exitCode"] = terminated?["exitCode"]
        output["message"] = terminated?["message"]?.string.map { (try? JSONValue(parsing: $0)) ?? .string($0) }
        output["log"] = log.map { .string($0) }
        return output
    }

    /// The Pod that was made last; nil when it is gone or the account may not read Pods, which undoes no work.
    private func lastPod(of job: JobManifest, _ client: KubeClient, _ context: StepContext) async throws -> JobPod? {
        do {
            let pods = try await client.resources(apiVersion: "v1", kind: "Pod", namespace: job.reference.namespace)
            let list = try await pods.list(Selection(labelSelector: "job-name=\(job.reference.name)"))
            return list.items.map(JobPod.init).max { $0.created < $1.created }
        } catch let error as KubeError where !error.isRetryable {
            context.logger.warning("\(job.reference) has ended, and its Pod cannot be read: \(error)")
            return nil
        }
    }

    /// The end of the log; nil when there is none to be had, which fails no Job that has succeeded.
    private func log(of pod: String?, _ job: JobManifest, _ client: KubeClient) async -> String? {
        guard let pod else { return nil }
        var options = LogOptions()
        options.tailLines = Self.logLines
        var lines: [String] = []
        var size = 0
        do {
            for try await line in client.log(of: ObjectKey(namespace: job.reference.namespace, name: pod), options) {
                lines.append(line)
                size += line.utf8.count + 1
                while size > Self.logBytes, lines.count > 1 { size -= lines.removeFirst().utf8.count + 1 }
            }
        } catch {
            if lines.isEmpty { return nil }
        }
        return String(lines.joined(separator: "\n").suffix(Self.logBytes))
    }

    /// Deletes the Job of a step that is not wanted any more. In a task of its own, because the step's is cancelled.
    private func remove(_ job: JobManifest, _ client: KubeClient, _ context: StepContext) async {
        let removal = Task {
            guard let there = try await job.reference.current(in: client),
                Ownership.key(of: there) == context.idempotencyKey
            else { return }
            try await job.reference.resources(in: client)
                .delete(job.reference.name, DeleteOptions(uid: there.metadata.uid, propagation: .background))
        }
        do {
            try await removal.value
            context.logger.info("\(job.reference) is deleted, the step was told to stop")
        } catch {
            context.logger.warning("\(job.reference) cannot be deleted, it may go on: \(error)")
        }
    }
}
