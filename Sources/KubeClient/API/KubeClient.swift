internal import HTTPTransport
public import JSON
public import Logging

/// A connection to one API server with one identity.
///
/// A value that is cheap to copy; all copies share the transport. Every request is a child of the task that makes it:
/// cancelling the task ends the transfer and throws `CancellationError`. Every other failure is a `KubeError`.
/// Nothing is retried here, since only the caller knows whether a write may be repeated.
public struct KubeClient: Sendable {
    /// How long one request other than a watch may take. A loaded API server answers within its own limit of 60 s
    /// (kube-apiserver `--request-timeout`); half of that leaves a caller time to act.
    public static let requestTimeout: Duration = .seconds(30)

    private let transport: HTTPTransport
    private let server: String
    private let credentials: Credentials
    let logger: Logger

    /// Prepares the connection; nothing is sent yet.
    /// - Throws: `TransferError` when certificates or keys cannot be used.
    public init(_ configuration: ClusterConfiguration, logger: Logger) throws {
        var settings = HTTPTransport.Configuration()
        settings.tls = configuration.tls
        settings.userAgent = configuration.userAgent
        transport = try HTTPTransport(settings)
        server = configuration.server.hasSuffix("/") ? String(configuration.server.dropLast()) : configuration.server
        credentials = configuration.credentials
        self.logger = logger
    }

    /// Ends every request and watch. Further ones fail. Idempotent.
    public func shutdown() { transport.shutdown() }

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

    /// What the server says of itself at `/version`: `major`, `minor`, `gitVersion` and more.
    public func version() async throws -> JSONValue {
        let operation = KubeOperation(verb: "get", resource: "/version", name: nil, namespace: nil)
        return try await send(operation, method: "GET", path: "/version")
    }

    func send(
        _ operation: KubeOperation,
        method: HTTPMethod,
        path: String,
        query: [(String, String)] = [],
        contentType: String = "application/json",
        body: [UInt8]? = nil,
        skipping: [String] = ["metadata", "managedFields"]
    ) async throws -> JSONValue {
        var request = try self.request(method, path, query, contentType, body)
        request.timeout = Self.requestTimeout
        let started = ContinuousClock.now
        let response: HTTPResponse
        do {
            response = try await transport.send(request)
        } catch {
            throw Self.failure(error, operation)
        }
        logger.trace(
            "request",
            metadata: [
                "kube.operation": "\(operation)", "http.status": "\(response.status)",
                "duration": "\(ContinuousClock.now - started)",
            ]
        )
        guard response.status < 400 else {
            throw KubeError(
                status: response.status,
                retryAfter: response.headers["Retry-After"],
                body: response.body,
                operation: operation
            )
        }
        do {
            return try JSONValue(parsing: response.body, skipping: skipping)
        } catch {
            throw KubeError(.unreadable, operation, "the answer is not JSON: \(error)")
        }
    }

    func stream(
        _ operation: KubeOperation,
        path: String,
        query: [(String, String)],
        idleTimeout: Duration
    ) async throws -> HTTPBody {
        var request = try self.request("GET", path, query, "application/json", nil)
        request.idleTimeout = idleTimeout
        do {
            let response = try await transport.stream(request)
            guard response.status >= 400 else { return response.body }
            throw KubeError(
                status: response.status,
                retryAfter: response.headers["Retry-After"],
                body: try await response.body.collect(upTo: 1 << 20),
                operation: operation
            )
        } catch let error as TransferError {
            throw Self.failure(error, operation)
        }
    }

    private func request(
        _ method: HTTPMethod,
        _ path: String,
        _ query: [(String, String)],
        _ contentType: String,
        _ body: [UInt8]?
    ) throws -> HTTPRequest {
        var request = HTTPRequest(method: method, url: server + path + URLEncoding.query(query))
        request.headers.set("Accept", "application/json")
        if body != nil { request.headers.set("Content-Type", contentType) }
        if let authorization = try credentials.authorization() {
            request.headers.set("Authorization", authorization)
        }
        request.body = body
        return request
    }

    static func failure(_ error: TransferError, _ operation: KubeOperation) -> any Error {
        if error.code == .cancelled { return CancellationError() }
        return KubeError(.transport(error.code), operation, error.description)
    }
}
