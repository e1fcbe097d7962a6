internal import HTTPTransport
public import KubeClient
public import Workflows

/// How actions reach the cluster: each step as the service account of its process, never as the operator.
///
/// The API server wants the operator to have the right to `impersonate` that account, and lets the step do what the account
/// may do.
public struct ClusterAccess: Sendable {
    private let client: KubeClient?
    private let ownUser: String?

    /// Access through a client; nil where there is no cluster, so that every step that needs one fails.
    /// - Parameter ownUser: the operator's own user, such as `system:serviceaccount:honua:honua-operator`. Steps may not act
    ///   as it, or they could do to its processes what only it may do. nil when it is not known.
    public init(client: KubeClient?, ownUser: String? = nil) {
        self.client = client
        self.ownUser = ownUser
    }

    /// A client that acts for a step.
    func client(for context: StepContext) throws(StepError) -> KubeClient {
        guard context.serviceAccountName ?? "" != "" else {
            throw StepError(
                .permanent,
                StepError.invalidConfiguration,
                detail: "spec.serviceAccountName is missing; a step that touches the cluster needs an account to act as"
            )
        }
        guard let client else {
            throw StepError(
                .permanent,
                "No cluster",
                detail: "the step touches a cluster, and none is configured here; apply the process to one, or use "
                    + "honua run --cluster"
            )
        }
        guard context.clusterUser != ownUser else {
            throw StepError(
                .permanent,
                StepError.invalidConfiguration,
                detail: "serviceAccountName is that of the operator itself; steps need one of their own"
            )
        }
        return client.impersonating(Impersonation(user: context.clusterUser))
    }

    /// Runs requests for a step, and says of a failure what the engine and people need to know.
    func perform<Result: Sendable>(
        for context: StepContext,
        _ body: (KubeClient) async throws -> Result
    ) async throws -> Result {
        let client = try client(for: context)
        do {
            return try await body(client)
        } catch {
            throw StepError(error, as: context.clusterUser) ?? error
        }
    }

    /// Runs requests for a step whose effect has happened, so that there is something to undo when they fail.
    func performAfterEffect<Result: Sendable>(
        for context: StepContext,
        _ body: (KubeClient) async throws -> Result
    ) async throws -> Result {
        do {
            return try await perform(for: context, body)
        } catch let error as StepError {
            throw error.withEffect
        }
    }
}

extension StepContext {
    /// Where objects are that name no namespace: with the process.
    var objectNamespace: String { namespace ?? "default" }

    /// What the API server calls the step's service account.
    var clusterUser: String { "system:serviceaccount:\(objectNamespace):\(serviceAccountName ?? "")" }
}

extension StepError {
    /// A failure on the way: something of the step has happened.
    var withEffect: StepError {
        var error = self
        error.hasHadEffect = true
        return error
    }

    /// What an error means for a step; nil for one that does not come from a cluster, such as a cancellation.
    init?(_ error: any Error, as user: String) {
        switch error {
        case let error as StepError: self = error
        case let error as KubeError: self.init(error, as: user)
        case let error as UnresolvedResource: self.init(.permanent, "Unknown kind", detail: "\(error)")
        default: return nil
        }
    }

    /// What an API server's answer means for a step.
    /// - Parameter user: as whom it was asked.
    init(_ error: KubeError, as user: String) {
        self.init(
            Self.errorClass(of: error),
            Self.summary(of: error),
            detail: error.code == .forbidden || error.code == .unauthorized ? "\(error), as \(user)" : "\(error)",
            retryAfter: error.retryAfter
        )
    }

    private static func errorClass(of error: KubeError) -> Class {
        switch error.code {
        case .transport(.timedOut), .transport(.idle): .timeout
        // Somebody else's field stays somebody else's; a version that has changed is read again.
        case .conflict: error.message.contains("Apply failed") ? .permanent : .transient
        // Servers before 1.22 call an object that cannot be merged their own failure.
        case .serverError where error.message.contains("failed to create typed"): .permanent
        default: error.isRetryable ? .transient : .permanent
        }
    }

    private static func summary(of error: KubeError) -> String {
        switch error.code {
        case .badRequest: "Bad Request"
        case .unauthorized: "Unauthorized"
        case .forbidden where error.message.contains("being terminated"): "Namespace is being deleted"
        case .forbidden: "Forbidden"
        case .notFound: "Not Found"
        case .alreadyExists: "Already exists"
        case .conflict: "Conflict"
        case .invalid: "Invalid object"
        case .serverError where error.message.contains("failed to create typed"): "Invalid object"
        case .tooManyRequests: "Too many requests"
        case .transport, .serverError, .credentials, .unreadable: "API server not available"
        case .expired, .resourceVersionTooLarge, .other: "API server refused"
        }
    }
}
