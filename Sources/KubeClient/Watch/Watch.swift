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
    /// Nothing changed up to this version. Sent about once a minute, and once at the end of the initial events of a watch
    /// that asked for them.
    case bookmark(resourceVersion: String, endsInitialEvents: Bool)
}

/// Where a watch begins.
public enum WatchStart: Sendable, Hashable {
    /// With what changed after this version.
    case version(String)
    /// With every object there is, as if it had just been added, in no particular order; a bookmark with
    /// `endsInitialEvents` follows, and then the changes (KEP-3157, in servers from 1.27 on, on by default from 1.32).
    ///
    /// Servers that know it but have it switched off refuse it (`invalid`). Servers that do not know it ignore the wish,
    /// and never send that bookmark.
    case initialEvents

    var query: [(String, String)] {
        switch self {
        case .version(let version): [("resourceVersion", version)]
        case .initialEvents:
            [("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan")]
        }
    }
}

/// The changes to objects of one kind, as they happen.
///
/// One request, one iterator. The sequence ends without an error when the server closes the watch, which it does at
/// the latest after the time-out; the consumer then watches again from the last version it saw. A version that is too
/// old throws `KubeError` with code `.expired`, whether the server says so when the watch opens or in its middle.
/// Events are read from the socket only as fast as they are consumed. Cancelling the task, or dropping the iterator,
/// ends the transfer.
public struct Watch<Object: KubeObject>: AsyncSequence, Sendable {
    let client: KubeClient
    let request: KubeRequest
    /// Told of objects that are left out; when nil they are thrown.
    var onUnreadable: (@Sendable (KubeError) -> Void)?

    /// Sends the request at the first call of `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(watch: self) }

    /// The events of one watch request. Not to be shared between tasks.
    public struct Iterator: AsyncIteratorProtocol {
        private let watch: Watch
        private var chunks: HTTPBody.AsyncIterator?
        private var lines = LineDecoder()

        fileprivate init(watch: Watch) { self.watch = watch }

        /// The next event, or nil when the server has closed the watch.
        public mutating func next() async throws -> WatchEvent<Object>? {
            if chunks == nil { chunks = try await watch.client.stream(watch.request).makeAsyncIterator() }
            while true {
                while let line = lines.next() {
                    if !line.isBlank, let event = try watch.event(line) { return event }
                }
                do {
                    guard let chunk = try await chunks?.next() else { return try lastEvent() }
                    try lines.append(chunk)
                } catch let error as TransferError {
                    throw KubeClient.failure(error, watch.request.operation)
                } catch let error as LineDecoder.LineTooLong {
                    throw KubeError(.unreadable, watch.request.operation, "\(error)")
                }
            }
        }

        /// The server may close right after an event, without a line break.
        private mutating func lastEvent() throws -> WatchEvent<Object>? {
            guard let rest = lines.finish(), !rest.isBlank else { return nil }
            return try watch.event(rest)
        }
    }

    /// nil for an object that is left out.
    private func event(_ line: ArraySlice<UInt8>) throws -> WatchEvent<Object>? {
        let frame: WatchFrame<Object>
        do {
            frame = try WatchFrame(parsing: line, skipping: ["object", "metadata", "managedFields"])
        } catch let error as JSONDecodingError where onUnreadable != nil && error.path.hasPrefix("object") {
            onUnreadable?(KubeError(.unreadable, request.operation, "an event: \(error)"))
            return nil
        } catch {
            throw KubeError(.unreadable, request.operation, "an event: \(error)")
        }
        switch frame {
        case .event("ADDED", let object): return .added(object)
        case .event("MODIFIED", let object): return .modified(object)
        case .event(_, let object): return .deleted(object)
        case .notice("BOOKMARK", let content):
            let metadata = content["metadata"]
            guard let version = metadata?["resourceVersion"]?.string else {
                throw KubeError(.unreadable, request.operation, "a bookmark names no resourceVersion")
            }
            return .bookmark(
                resourceVersion: version,
                endsInitialEvents: metadata?[path: "annotations", "k8s.io/initial-events-end"] == "true"
            )
        case .notice("ERROR", let content): throw KubeError(watchStatus: content, operation: request.operation)
        case .notice(let type, _):
            throw KubeError(.unreadable, request.operation, "an event has the unknown type \(type)")
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate var isBlank: Bool { allSatisfy { $0 <= 0x20 } }
}
