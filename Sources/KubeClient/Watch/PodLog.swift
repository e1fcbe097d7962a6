internal import HTTPTransport

/// Which part of a container's log is wanted.
public struct LogOptions: Sendable, Hashable {
    /// Default nil: the pod's only container, or the one its annotation names.
    public var container: String?
    /// Whether lines are sent on as they are written, until the container ends. Default false.
    public var follows: Bool
    /// Whether the log of the container before its last restart is meant. Default false.
    public var previous: Bool
    /// Only lines written within this time, in whole seconds. Default nil: all there are.
    public var since: Duration?
    /// Only so many lines from the end. Default nil: all.
    public var tailLines: Int?
    /// Whether each line begins with its time, as RFC 3339. Default false.
    public var timestamps: Bool
    /// The server stops after so many bytes. Default nil: no limit.
    public var limitBytes: Int?

    /// Options; see the properties for defaults.
    public init(
        container: String? = nil,
        follows: Bool = false,
        previous: Bool = false,
        since: Duration? = nil,
        tailLines: Int? = nil,
        timestamps: Bool = false,
        limitBytes: Int? = nil
    ) {
        self.container = container
        self.follows = follows
        self.previous = previous
        self.since = since
        self.tailLines = tailLines
        self.timestamps = timestamps
        self.limitBytes = limitBytes
    }

    var query: [(String, String)] {
        var query: [(String, String)] = []
        if let container { query.append(("container", container)) }
        if follows { query.append(("follow", "true")) }
        if previous { query.append(("previous", "true")) }
        if let since { query.append(("sinceSeconds", String(since.wholeSeconds))) }
        if let tailLines { query.append(("tailLines", String(tailLines))) }
        if timestamps { query.append(("timestamps", "true")) }
        if let limitBytes { query.append(("limitBytes", String(limitBytes))) }
        return query
    }
}

/// The lines a container has written, and with `LogOptions.follows` those that it goes on to write.
///
/// One request, one iterator. A followed container may be silent for any time, so a dead peer is found by TCP only, after
/// about a minute; a log that is only read must not stop for longer than `KubeClient.requestTimeout`. Bytes that are no UTF-8 arrive as U+FFFD. Cancelling the task, or dropping the iterator, ends the transfer.
public struct PodLog: AsyncSequence, Sendable {
    let client: KubeClient
    let pod: ObjectKey
    let options: LogOptions

    /// Sends the request at the first call of `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(log: self) }

    /// The lines of one log request. Not to be shared between tasks.
    public struct Iterator: AsyncIteratorProtocol {
        private let log: PodLog
        private var chunks: HTTPBody.AsyncIterator?
        private var lines = LineDecoder()

        fileprivate init(log: PodLog) { self.log = log }

        /// The next line without its line break, or nil at the end of the log.
        public mutating func next() async throws -> String? {
            let operation = KubeOperation(
                verb: "get",
                resource: "pods/log",
                name: log.pod.name,
                namespace: log.pod.namespace
            )
            do {
                if chunks == nil { chunks = try await log.open(operation).makeAsyncIterator() }
                while true {
                    if let line = lines.next() { return String(decoding: line, as: UTF8.self) }
                    guard let chunk = try await chunks?.next() else {
                        return lines.finish().map { String(decoding: $0, as: UTF8.self) }
                    }
                    try lines.append(chunk)
                }
            } catch let error as TransferError {
                throw KubeClient.failure(error, operation)
            } catch let error as LineDecoder.LineTooLong {
                throw KubeError(.unreadable, operation, "\(error)")
            }
        }
    }

    private func open(_ operation: KubeOperation) async throws -> HTTPBody {
        let pods = APIResource(version: "v1", kind: "Pod", plural: "pods")
        var request = KubeRequest(
            operation: operation,
            path: pods.path(namespace: pod.namespace, name: pod.name, subresource: .log),
            query: options.query,
            accept: "text/plain, application/json"
        )
        request.acceptsCompression = !options.follows
        if !options.follows { request.idleTimeout = client.requestTimeout }
        return try await client.stream(request)
    }
}

extension KubeClient {
    /// Reads, or follows, the log of a container.
    public func log(of pod: ObjectKey, _ options: LogOptions = LogOptions()) -> PodLog {
        PodLog(client: self, pod: pod, options: options)
    }
}
