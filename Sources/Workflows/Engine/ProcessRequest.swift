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
    /// As submitted, or as completed by the definition's parameters.
    public var input: JSONValue?
    /// Valid, resolved and from now on pinned.
    public var definition: WorkflowDefinition
    /// For the whole run, waiting for capacity not counted.
    public var timeout: Duration
    /// For steps without their own.
    public var retry: RetryPolicy
    /// When a step has given up.
    public var onFailure: FailurePolicy
    /// Changes when a finished process is to run again.
    public var rerunToken: String?
    /// Of those that wait for capacity, the one with the highest priority starts first.
    public var priority: Int
    /// How long it may wait for capacity.
    public var pendingTimeout: Duration?
    /// The service account of the resource's namespace as which steps touch the cluster.
    public var serviceAccountName: String?
    /// Whether steps are only planned: nothing they would do happens.
    public var isDryRun: Bool
    /// The process whose step this one is.
    public var parent: String?
    /// The epoch of its first owner. A sub-process begins with that of its parent, so that one that was begun by a
    /// former owner and lost by the store is not taken for it.
    var firstEpoch = 1

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
        onFailure: FailurePolicy = .stop,
        rerunToken: String? = nil,
        priority: Int = 0,
        pendingTimeout: Duration? = nil,
        serviceAccountName: String? = nil,
        isDryRun: Bool = false,
        parent: String? = nil
    ) {
        self.id = id
        self.namespace = namespace
        self.name = name
        self.user = user
        self.input = input
        self.definition = definition
        self.timeout = timeout
        self.retry = retry
        self.onFailure = onFailure
        self.rerunToken = rerunToken
        self.priority = priority
        self.pendingTimeout = pendingTimeout
        self.serviceAccountName = serviceAccountName
        self.isDryRun = isDryRun
        self.parent = parent
    }

    /// The same work, as a running process takes it when its definition has changed.
    public var restart: RestartRequest {
        var restart = RestartRequest()
        restart.definition = definition
        restart.input = input
        restart.timeoutMilliseconds = timeout.onClock
        restart.retry = retry
        restart.onFailure = onFailure
        restart.serviceAccountName = serviceAccountName
        return restart
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
        user = request.user
        input = request.input
        startTime = time
        retry = request.retry
        // A plan is to say as much as can be said.
        onFailure = request.isDryRun ? .continue : request.onFailure
        rerunToken = request.rerunToken
        serviceAccountName = request.serviceAccountName
        isDryRun = request.isDryRun
        parent = request.parent
        self.rerun = rerun
        self.epoch = epoch
        pin(request.definition, timeout: request.timeout.onClock)
    }

    /// Takes a definition whose steps have not begun.
    /// - Parameter timeout: in milliseconds.
    mutating func pin(_ definition: WorkflowDefinition, timeout: Int) {
        processType = definition.name
        self.definition = definition
        definitionHash = definition.hash
        timeoutMilliseconds = timeout
        remainingMilliseconds = timeout
        steps = definition.allSteps.map { StepState(name: $0.name) }
    }
}
