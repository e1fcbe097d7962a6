internal import HTTPTransport
public import JSON
public import Logging
public import Metrics

/// A connection to one API server with one identity.
///
/// A value that is cheap to copy; all copies share connections, limits and metrics. Every request is a child of the task
/// that makes it: cancelling the task ends the transfer and throws `CancellationError`. Every other failure is a
/// `KubeError`, except that a `WriteGate` throws what it likes.
///
/// ## Retries
/// A refusal with `Retry-After` of at most 30 s (429, 5xx) is repeated after that time, whatever the method, since the
/// server has not acted on it; so is a read whose connection was lost. A read refused with 401 is repeated once with
/// renewed credentials. Nothing else is: only the caller knows whether a write may be repeated. See `RequestLimits`.
///
/// ## What it tells
/// Each request is a client span (swift-distributed-tracing) whose context goes to the server, a debug line in the log,
/// and counts in the `rest_client_*` metrics (swift-metrics). None of them holds bodies, credentials or tokens.
public struct KubeClient: Sendable {
    let core: ClientCore
    var gate: (any WriteGate)?
    var impersonation: Impersonation?

    /// How long one attempt of a request may take, watches and streams excepted. From `RequestLimits`; a copy may be given
    /// another one.
    public var requestTimeout: Duration

    /// Prepares the connection; nothing is sent yet.
    /// - Parameter metrics: where the `rest_client_*` metrics go; the system's by default.
    /// - Throws: `ConfigurationError` or `TransferError` when addresses, limits, certificates or keys cannot be used.
    public init(
        _ configuration: ClusterConfiguration,
        logger: Logger,
        metrics: any MetricsFactory = MetricsSystem.factory
    ) throws {
        self.init(try ClientCore(configuration, logger: logger, metrics: metrics))
    }

    init(_ core: ClientCore) {
        self.core = core
        requestTimeout = core.limits.requestTimeout
    }

    /// Ends every request and watch of this client and of its copies. Further ones fail. Idempotent.
    public func shutdown() { core.connection.shutdown() }

    /// The same client, except that every write asks the gate first, before each of its attempts.
    public func guarded(by gate: any WriteGate) -> KubeClient {
        var client = self
        client.gate = gate
        return client
    }

    /// The same client, except that its requests are made as somebody else, in place of whom the configuration
    /// impersonates, if anybody. A `Cache` for it must be one of its own.
    public func impersonating(_ impersonation: Impersonation) -> KubeClient {
        var client = self
        client.impersonation = impersonation
        return client
    }

    /// Finds kinds by name. What it has learned is shared by all copies of the client.
    public var mapper: RESTMapper { RESTMapper(client: self, cache: core.discovery) }

    /// The requests for one kind of object.
    /// - Parameter namespace: nil for objects of the cluster, or to list and watch all namespaces.
    public func resources<Object: KubeResource>(
        _ type: Object.Type,
        namespace: String? = nil
    ) -> ResourceClient<Object> {
        ResourceClient(client: self, api: type.api, namespace: namespace)
    }

    /// The requests for a kind known only at run time.
    public func resources(_ api: APIResource, namespace: String? = nil) -> ResourceClient<DynamicObject> {
        ResourceClient(client: self, api: api, namespace: namespace)
    }

    /// The requests for a kind, reading nothing of its objects but their metadata, which the server then leaves the rest
    /// out of. For watching large objects of which only labels, versions or owners matter.
    public func metadata(of api: APIResource, namespace: String? = nil) -> ResourceClient<PartialObjectMetadata> {
        ResourceClient(client: self, api: api, namespace: namespace)
    }

    /// What the server says of itself at `/version`: `major`, `minor`, `gitVersion` and more.
    public func version() async throws -> JSONValue {
        let operation = KubeOperation(verb: "get", resource: "/version", name: nil, namespace: nil)
        return try await send(operation, method: .get, path: "/version")
    }

    /// Sends a request whose answer is JSON.
    func send(
        _ operation: KubeOperation,
        method: HTTPMethod,
        path: String,
        query: [(String, String)] = [],
        accept: String = "application/json",
        contentType: String = "application/json",
        body: [UInt8]? = nil,
        skipping: [String] = ["metadata", "managedFields"]
    ) async throws -> JSONValue {
        let answer = try await send(
            KubeRequest(
                operation: operation,
                method: method,
                path: path,
                query: query,
                accept: accept,
                contentType: contentType,
                body: body
            )
        )
        do {
            return try JSONValue(parsing: answer, skipping: skipping)
        } catch {
            throw KubeError(.unreadable, operation, "the answer is not JSON: \(error)")
        }
    }
}
