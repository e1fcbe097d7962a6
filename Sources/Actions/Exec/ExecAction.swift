internal import Glibc
public import JSON
internal import Logging
public import Workflows

/// Runs a program beside the operator, with what the operator may do to the machine; so it is off unless configured.
///
/// The program sees a clean environment, has limits of memory and CPU time, and gets the step's key as
/// `HONUA_IDEMPOTENCY_KEY`. It runs in a process group of its own. When the step is interrupted, or takes too long, the
/// group gets SIGTERM, and SIGKILL five seconds later; the action returns when the program has ended. What a program
/// leaves behind in its group ends with it.
public struct ExecAction: Action {
    private let isEnabled: Bool
    private let cluster: ClusterAccess
    private let grace: Duration

    /// - Parameters:
    ///   - isEnabled: otherwise every definition that uses the action is refused.
    ///   - cluster: where secrets are read that inputs refer to.
    public init(isEnabled: Bool, cluster: ClusterAccess) {
        self.init(isEnabled: isEnabled, cluster: cluster, grace: .seconds(5))
    }

    init(isEnabled: Bool, cluster: ClusterAccess, grace: Duration) {
        self.isEnabled = isEnabled
        self.cluster = cluster
        self.grace = grace
    }

    /// The setting that allows it, as an environment variable of the operator.
    public static let setting = "Actions__Exec__Enabled"

    public let name = "exec"
    public let about = "Runs a program beside the operator; off unless \(setting)=true."

    public let outputs = """
        {"exitCode": 0, "stdout": "…", "stderr": "…", "truncated": false}. Bytes that are no UTF-8 are replaced; \
        truncated tells that more was written than outputLimit.
        """

    public let failures = [
        ActionFailure(
            "Exit code 1 and so on",
            .permanent,
            when: "Any but 0; Transient for those of transientExitCodes."
        ),
        ActionFailure("Ended by signal 9 and so on", .permanent, when: "The program was killed, or has crashed."),
        ActionFailure("CPU time exceeded", .permanent, when: "It used more than cpuTimeLimit."),
        ActionFailure("Timeout exceeded", .permanent, when: "It took longer than timeout."),
        ActionFailure(
            "Program not started",
            .permanent,
            when: "There is no such program or directory, or no right to it."
        ),
        ActionFailure("Secret not available", .permanent, when: "A secretKeyRef names what is not there, or no text."),
    ]

    public var inputSchema: JSONSchema { ExecInputs.schema }

    public var refusal: String? {
        isEnabled
            ? nil : "exec is off, since it runs programs beside the operator; set \(Self.setting)=true to allow it"
    }

    /// - Returns: see `outputs`.
    public func perform(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        // A definition may have been accepted by an operator that allowed it.
        if let refusal { throw StepError(.permanent, StepError.invalidConfiguration, detail: refusal) }
        var secrets = ResolvedSecrets(cluster, context)
        do {
            let inputs = try await ExecInputs(inputs, context, grace: grace, &secrets)
            try Task.checkCancellation()
            let process: Subprocess
            do {
                process = try Subprocess(inputs.program)
            } catch {
                throw StepError(.permanent, "Program not started", detail: "\(inputs.path): \(error)")
            }
            context.logger.info("Process \(context.processID) step \(context.step) waiting: for \(inputs.path)")
            let (ending, isTimedOut) = await Self.run(process, timeout: inputs.timeout, context.time)
            try Task.checkCancellation()
            let output = secrets.redacted(
                String(decoding: ending.output, as: UTF8.self),
                isTruncated: ending.isTruncated
            )
            let error = secrets.redacted(String(decoding: ending.error, as: UTF8.self), isTruncated: ending.isTruncated)
            if let failure = inputs.failure(ending.cause, isTimedOut: isTimedOut, error) { throw failure }
            return [
                "exitCode": 0, "stdout": .string(output), "stderr": .string(error),
                "truncated": .bool(ending.isTruncated),
            ]
        } catch let error as StepError {
            throw secrets.redacted(error)
        }
    }

    /// The command, the names in its environment, its directory and the size of its input; secrets are not read.
    public func plan(_ inputs: JSONValue, _ context: StepContext) async throws -> JSONValue {
        ExecInputs.plan(inputs, name)
    }

    private enum Event: Sendable {
        case ended(Subprocess.Ending)
        case timeLimit
        case nothing
    }

    private static func run(
        _ process: Subprocess,
        timeout: Duration?,
        _ time: TimeSource
    ) async -> (Subprocess.Ending, isTimedOut: Bool) {
        await withTaskGroup(of: Event.self) { group in
            group.addTask { .ended(await process.run()) }
            if let timeout {
                group.addTask { (try? await time.sleep(for: timeout)) == nil ? .nothing : .timeLimit }
            }
            var isTimedOut = false
            for await event in group {
                switch event {
                case .ended(let ending):
                    group.cancelAll()
                    return (ending, isTimedOut)
                case .timeLimit:
                    isTimedOut = true
                    process.terminate()
                case .nothing: break
                }
            }
            preconditionFailure("a program that was started has no end")
        }
    }
}
