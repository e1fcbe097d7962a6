import Glibc
import JSON
import ScriptedServers

/// One watch, from its first line to its last.
struct WatchAnswer {
    let core: ServerCore
    let request: APIRequest
    let target: Target

    func send(to writer: ResponseWriter, on socket: Socket, first: [JSONValue], endsThen: Bool) throws {
        let watch = OpenWatch(request, target)
        defer { core.withState { state in state.watches.removeAll { $0 === watch } } }
        // From here on no change is missed: what was before is in the mailbox, what comes is put there.
        try core.withState { state in
            for line in first { watch.send(line) }
            if !endsThen { try open(watch, &state) }
            // A thread must not begin to wait after the server has told all others to go.
            if endsThen || state.isStopped { watch.mailbox.close() }
        }
        let seconds = request.query["timeoutSeconds"].flatMap { Int($0) } ?? 1800
        let deadline = ContinuousClock.now + .seconds(seconds)
        try writer.begin()
        while true {
            let left = max(.zero, deadline - .now)
            let milliseconds = Int32(clamping: left.components.seconds * 1000 + 1)
            switch watch.mailbox.next(watching: socket, waitingMilliseconds: milliseconds) {
            case .message(.line(let line)): guard try writer.sendPiece(line) else { return }
            case .message(.end), .timedOut, .closed: return try writer.finish()
            case .message(.cut), .clientSpoke: throw ServerConnection.Closed()
            case .message(.silence):
                while (try? socket.read(upTo: 65536))?.isEmpty == false {}
                throw ServerConnection.Closed()
            }
        }
    }

    /// Puts what the watch begins with into its mailbox, and the watch among those that hear of changes.
    private func open(_ watch: OpenWatch, _ state: inout ServerState) throws {
        let version = request.query["resourceVersion"] ?? ""
        if request.query["sendInitialEvents"] != nil || request.query["resourceVersionMatch"] != nil {
            switch state.streamedLists {
            case .refused:
                throw Refusal(.invalid("resourceVersionMatch", "resourceVersionMatch is forbidden for watch"))
            case .supported where request.query["sendInitialEvents"] == "true":
                return try openStreamedList(watch, &state)
            case .supported, .ignored: break
            }
        }
        guard let start = UInt64(version), start > 0 else {
            sendState(to: watch, at: version == "0" ? state.cachedVersion ?? state.history.version : nil, state)
            return state.watches.append(watch)
        }
        guard start >= state.history.compacted else {
            guard state.expiredWatch == .event else { throw Refusal(.expired) }
            watch.send(WatchLine.error(.expired))
            return watch.mailbox.close()
        }
        for change in state.history.changes where change.version > start { watch.see(change) }
        state.watches.append(watch)
    }

    private func openStreamedList(_ watch: OpenWatch, _ state: inout ServerState) throws {
        guard request.query["resourceVersionMatch"] == "NotOlderThan" else {
            throw Refusal(
                .invalid(
                    "resourceVersionMatch",
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
                )
            )
        }
        if let least = UInt64(request.query["resourceVersion"] ?? ""), least > state.history.version {
            throw Refusal(.tooLargeResourceVersion())
        }
        sendState(to: watch, at: nil, state)
        if watch.allowsBookmarks {
            watch.send(WatchLine.bookmark(state.history.version, target.kind, endsInitialEvents: true))
        }
        state.watches.append(watch)
    }

    /// The state as events, and the changes since when it is not the newest.
    private func sendState(to watch: OpenWatch, at version: UInt64?, _ state: ServerState) {
        let version = version ?? state.history.version
        for (_, object) in state.history.objects(target.kind, at: version) {
            let isIncluded = target.namespace.map { object[path: "metadata", "namespace"]?.string == $0 } ?? true
            if isIncluded, watch.selectors.match(object) { watch.send(WatchLine.added(object)) }
        }
        for change in state.history.changes where change.version > version { watch.see(change) }
    }
}
