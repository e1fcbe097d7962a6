import JSON
import ScriptedServers

/// A watch that a client has open, as the rest of the server sees it.
final class OpenWatch: Sendable {
    enum Message {
        /// An event, as one line.
        case line([UInt8])
        /// The watch ends in order, as if its time had come.
        case end
        /// The connection is closed.
        case cut
        /// Nothing more is sent, though the connection stays.
        case silence
    }

    let request: APIRequest
    let target: Target
    let selectors: Selectors
    let mailbox = BlockingMailbox<Message>()

    init(_ request: APIRequest, _ target: Target) {
        self.request = request
        self.target = target
        selectors = Selectors(labels: request.query["labelSelector"], fields: request.query["fieldSelector"])
    }

    var allowsBookmarks: Bool { ["true", "1"].contains(request.query["allowWatchBookmarks"]) }

    func send(_ event: JSONValue) { mailbox.post(.line(event.serialized() + [UInt8(ascii: "\n")])) }

    /// Tells of a change if it concerns this watch.
    func see(_ change: ObjectHistory.Change) {
        guard change.kind == target.kind, let event = change.event(namespace: target.namespace, selectors) else {
            return
        }
        send(event)
    }
}
