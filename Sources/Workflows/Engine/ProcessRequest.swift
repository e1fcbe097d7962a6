public import JSON

/// A process somebody wants to have run.
public struct ProcessRequest: Sendable, Hashable {
    /// The resource's UID, or a UUID: lower-case hexadecimal and dashes.
    public var id: String
    /// Of the resource.
    public var namespace: String?
    /// Of the resource.
    public var name: String
    /// Who asks.
    public var user: String?
    /// As submitted.
    public var input: JSONValue?
    /// Valid, resolved and from now on pinned.
    public var definition: WorkflowDefinition
    /// For the whole run, waiting for capacity not counted.
    public var timeout: Duration
    /// For steps without their own.
    public var retry: RetryPolicy
    /// Changes when a finished process is to run again.
    public var rerunToken: String?

    /// A request from its parts.
    public init(
        id: String,
        namespace: String? = nil,
        name: String,
        user: String? = nil,
        input: JSONValue? = nil,
        definition: WorkflowDefinition,
        timeout: Duration,
        retry: RetryPolicy = RetryPolicy(),
        rerunToken: String? = nil
    ) {
        self.id = id
        self.namespace = namespace
        self.name = name
        self.user = user
        self.input = input
        self.definition = definition
        self.timeout = timeout
        self.retry = retry
        self.rerunToken = rerunToken
    }
}

extension ProcessState {
    /// The state of a new run, before its first event.
    /// - Parameters:
    ///   - rerun: 0 for the first run of the process.
    ///   - epoch: the owner's.
    public init(starting request: ProcessRequest, rerun: Int = 0, epoch: Int = 1, at time: Timestamp) {
        self.init()
        processId = request.id
        namespace = request.namespace
        name = request.name
        processType = request.definition.name
        user = request.user
        input = request.input
        startTime = time
        definition = request.definition
        remainingMilliseconds = Int(request.timeout.milliseconds)
        retry = request.retry
        rerunToken = request.rerunToken
        self.rerun = rerun
        self.epoch = epoch
        steps = request.definition.steps.map { definition in
            var step = StepState()
            step.name = definition.name
            return step
        }
    }
}
