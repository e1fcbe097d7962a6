internal import HTTPTransport
internal import JSON

/// One change seen by a watch.
public enum WatchEvent<Object: KubeObject>: Sendable {
    /// The object is new, or new to this watch.
    case added(Object)
    /// The object changed.
    case modified(Object)
    /// The object is gone; this is its last state.
    case deleted(Object)
    /// Nothing changed up to this version. Sent about once a minute.
    case bookmark(resourceVersion: String)
}

/// The changes to objects of one kind, as they happen.
///
/// One request, one iterator. The sequence ends without an error when the server closes the watch, which it does at
/// the latest after the time-out; the consumer then watches again from the last version it saw. A version that is too
/// old throws `KubeError` with code `.expired`, whether the server says so when the watch opens or in its middle.
/// Events are read from the socket only as fast as they are consumed. Cancelling the task, or dropping the iterator,
/// ends the transfer.
public struct Watch<Object: KubeObject>: AsyncSequence, Sendable {
    /// How long a watch may be silent before it counts as dead. Servers send a bookmark about every 60 s
    /// (k8s.io/apiserver `cacher.go`); half as much again allows for a slow one.
    public static var silenceLimit: Duration { .seconds(90) }

    let client: KubeClient
    let operation: KubeOperation
    let path: String
    let query: [(String, String)]

    /// Sends the request at the first call of `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(watch: self) }

    /// The events of one watch request. Not to be shared between tasks.
    public struct Iterator: AsyncIteratorProtocol {
        private let watch: Watch
        private var chunks: HTTPBody.AsyncIterator?
        private var lines = JSONLineDecoder()

        fileprivate init(watch: Watch) { self.watch = watch }

        /// The next event, or nil when the server has closed the watch.
        public mutating func next() async throws -> WatchEvent<Object>? {
            if chunks == nil {
                chunks = try await watch.client.stream(
                    watch.operation,
                    path: watch.path,
                    query: watch.query,
                    idleTimeout: Watch.silenceLimit
                ).makeAsyncIterator()
            }
            while true {
                if let line = lines.next() { return try watch.event(line) }
                do {
                    guard let chunk = try await chunks?.next() else { return try lastEvent() }
                    try lines.append(chunk)
                } catch let error as TransferError {
                    throw KubeClient.failure(error, watch.operation)
                } catch let error as JSONLineDecoder.LineTooLong {
                    throw KubeError(.unreadable, watch.operation, "\(error)")
                }
            }
        }

        /// The server may close right after an event, without a line break.
        private mutating func lastEvent() throws -> WatchEvent<Object>? {
            guard let rest = lines.finish() else { return nil }
            return try watch.event(rest)
        }
    }

    private func event(_ line: ArraySlice<UInt8>) throws -> WatchEvent<Object> {
        let event: JSONValue
        do {
            event = try JSONValue(parsing: line, skipping: ["object", "metadata", "managedFields"])
        } catch {
            throw KubeError(.unreadable, operation, "an event is not JSON: \(error)")
        }
        let content = event["object"] ?? .null
        switch event["type"]?.string {
        case "ADDED": return .added(try object(content))
        case "MODIFIED": return .modified(try object(content))
        case "DELETED": return .deleted(try object(content))
        case "BOOKMARK":
            return .bookmark(resourceVersion: content[path: "metadata", "resourceVersion"]?.string ?? "")
        case "ERROR": throw KubeError(watchStatus: content, operation: operation)
        case let type: throw KubeError(.unreadable, operation, "an event has the unknown type \(type ?? "(none)")")
        }
    }

    private func object(_ content: JSONValue) throws -> Object {
        do {
            return try Object(json: content)
        } catch {
            throw KubeError(.unreadable, operation, "the object of an event: \(error)")
        }
    }
}
