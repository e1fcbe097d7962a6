package import JSON
import ScriptedServers

/// What goes wrong with a request.
package enum Fault: Sendable {
    /// The server says no.
    case answer(StatusAnswer)
    /// The server reads the request and answers nothing, nor anything else on that connection: a black hole.
    case swallow
    /// The server answers as usual once the test opens the gate.
    case hold(Hold)
    /// The answer ends after so many bytes of its body. A body that is shorter is not cut.
    case cut(afterBytes: Int, Ending)
    /// These events come first in a watch, which then ends, or goes on as if nothing had happened.
    case events([JSONValue], ends: Bool)
    /// A body that never ends and never holds a whole JSON value.
    case endless
    /// The answer is as usual, but the connection is closed after it and the client is told so.
    case lastOfConnection

    /// How a body ends too early.
    package enum Ending: Sendable, CaseIterable {
        /// The connection is closed in the middle of the body.
        case close
        /// The connection is reset.
        case reset
        /// The body is well-formed HTTP, only shorter, as some proxies leave it.
        case truncation
        /// Nothing comes any more, but the connection stays open.
        case silence
    }
}

/// Holds requests up until the test lets them go, one by one or all.
package final class Hold: Sendable {
    private let mailbox = BlockingMailbox<Void>()

    package init() {}

    /// Lets one request go, now or when it comes.
    package func release() { mailbox.post(()) }

    /// Holds nothing up any more.
    package func releaseAll() { mailbox.close() }

    func wait(_ connection: ServerConnection) throws {
        if case .clientSpoke = mailbox.next(watching: connection.socket) { throw ServerConnection.Closed() }
    }
}

/// A fault, and which requests it hits.
struct PlannedFault: Sendable {
    let fault: Fault
    let pattern: RequestPattern
    var remaining: Int
}
