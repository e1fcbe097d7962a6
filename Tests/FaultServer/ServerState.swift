import JSON
import ScriptedServers

/// How a server treats a watch that asks for the state first (`sendInitialEvents=true`).
package enum StreamedLists: Sendable {
    /// As asked, with a bookmark after the initial events (Kubernetes 1.32 and later by default).
    case supported
    /// 422 Invalid: the feature is off, or the server is from between 1.19 and 1.26, where `resourceVersionMatch` is
    /// forbidden for a watch.
    case refused
    /// The parameters mean nothing to the server, which opens an ordinary watch.
    case ignored
}

/// How a server says that the version a watch starts from is too old.
package enum ExpiredWatch: Sendable {
    /// Status 410.
    case status
    /// Status 200, then an ERROR event, as servers with a watch cache do.
    case event
}

/// Everything that connections share.
struct ServerState {
    let kinds: [ServedKind]
    var streamedLists: StreamedLists
    var expiredWatch = ExpiredWatch.event
    var compresses = false
    /// Whether a list at version "0" comes whole, whatever its limit, as it does from a watch cache.
    var ignoresLimitAtZero = true
    /// Where lists at version "0" come from, when not from the newest state.
    var cachedVersion: UInt64?
    var isWithholding = false
    var history = ObjectHistory()
    var requests: [APIRequest] = []
    var faults: [PlannedFault] = []
    /// Those whose clients have not gone as far as known.
    var watches: [OpenWatch] = []
    var holds: [Hold] = []
    var isStopped = false
    var waiters: [Waiter] = []

    struct Waiter {
        let isSatisfied: @Sendable (borrowing ServerState) -> Bool
        let continuation: AsyncStream<Void>.Continuation
    }

    init(kinds: [ServedKind], streamedLists: StreamedLists) {
        self.kinds = kinds
        self.streamedLists = streamedLists
    }

    /// Tells open watches of a change, unless events are being withheld.
    func announce(_ change: ObjectHistory.Change) {
        guard !isWithholding else { return }
        for watch in watches { watch.see(change) }
    }

    /// The fault planned for a request, used up by this.
    mutating func fault(for request: APIRequest) -> Fault? {
        guard let index = faults.firstIndex(where: { $0.remaining > 0 && $0.pattern.matches(request) }) else {
            return nil
        }
        faults[index].remaining -= 1
        return faults[index].fault
    }

    mutating func releaseWaiters() {
        for index in waiters.indices.reversed() where waiters[index].isSatisfied(self) {
            waiters.remove(at: index).continuation.finish()
        }
    }
}
