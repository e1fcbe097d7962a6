package import JSON
package import ScriptedServers

/// An API server on 127.0.0.1 that a test drives step by step, and that fails as it is told to.
///
/// It keeps objects with their versions and history, and answers lists (in pages, at versions), watches (with bookmarks,
/// streamed lists, selectors) and requests for single objects as the real one does. Nothing in it depends on the passing
/// of time, except that a watch ends after the `timeoutSeconds` its client asks for. No bookmark comes unless the test
/// sends one. The server ends with its last reference.
///
/// ```swift
/// let server = try FaultyAPIServer()
/// server.put("a", ["key": "value"])
/// server.plan(.answer(.tooManyRequests(retryAfter: 1)), for: .watches, times: 2)
/// ```
package final class FaultyAPIServer: Sendable {
    private let core: ServerCore
    private let server: ScriptedServer
    private let scheme: String

    /// The namespace of objects for which the test names none.
    package static let namespace = "default"

    /// - Parameters:
    ///   - identity: makes it a TLS server.
    ///   - isRefusing: connections are refused until `listen()`.
    package init(
        _ kinds: [ServedKind] = [.configMap],
        streamedLists: StreamedLists = .supported,
        identity: ServerIdentity? = nil,
        isRefusing: Bool = false
    ) throws {
        let core = ServerCore(ServerState(kinds: kinds, streamedLists: streamedLists))
        self.core = core
        scheme = identity == nil ? "http" : "https"
        server = try ScriptedServer(identity, isRefusing: isRefusing) { try core.serve($0) }
    }

    deinit {
        core.stop()
    }

    package var url: String { server.url("", scheme: scheme) }

    // MARK: What goes wrong

    /// Lets the next `times` requests that match fail. Of several plans the first that matches is carried out.
    package func plan(_ fault: Fault, for pattern: RequestPattern, times: Int = 1) {
        core.withState { state in
            if case .hold(let hold) = fault { state.holds.append(hold) }
            state.faults.append(PlannedFault(fault: fault, pattern: pattern, remaining: times))
        }
    }

    /// Nothing fails any more that has not begun to.
    package func heal() { core.withState { $0.faults = [] } }

    /// Changes how the server is made.
    package func configure(
        streamedLists: StreamedLists? = nil,
        expiredWatch: ExpiredWatch? = nil,
        compresses: Bool? = nil,
        ignoresLimitAtZero: Bool? = nil
    ) {
        core.withState { state in
            if let streamedLists { state.streamedLists = streamedLists }
            if let expiredWatch { state.expiredWatch = expiredWatch }
            if let compresses { state.compresses = compresses }
            if let ignoresLimitAtZero { state.ignoresLimitAtZero = ignoresLimitAtZero }
        }
    }

    /// How streamed lists are answered.
    package var streamedLists: StreamedLists { core.withState { $0.streamedLists } }

    /// Refuses connections from now on, as if no process listened. Open ones go on.
    package func refuse() { server.refuse() }

    /// Accepts connections again.
    package func listen() throws { try server.listen() }

    /// Shows another certificate to connections from now on.
    package func present(_ identity: ServerIdentity) { server.present(identity) }

    /// Closes every connection in the middle of whatever goes on.
    package func cutConnections() { server.interruptAll() }

    /// How many connections were accepted so far.
    package var connections: Int { server.accepted }

    // MARK: Objects

    /// Creates an object or replaces its data; returns it as it is then.
    @discardableResult
    package func put(
        _ name: String,
        _ data: [String: String] = [:],
        namespace: String = namespace,
        labels: [String: String]? = nil
    ) -> JSONValue {
        var metadata: JSONValue = ["name": .string(name), "namespace": .string(namespace)]
        if let labels { metadata["labels"] = .object(labels.mapValues { .string($0) }) }
        return put(["metadata": metadata, "data": .object(data.mapValues { .string($0) })])
    }

    /// Creates or replaces an object of any kind.
    @discardableResult
    package func put(_ object: JSONValue, _ kind: ServedKind = .configMap) -> JSONValue {
        let metadata = object["metadata"]
        let key = ObjectHistory.key(
            namespace: metadata?["namespace"]?.string,
            name: metadata?["name"]?.string ?? ""
        )
        return core.withState { state in
            let change = state.history.put(object, kind, key)
            state.announce(change)
            return change.object
        }
    }

    /// Deletes an object; returns its last state, or nil when there is none.
    @discardableResult
    package func delete(_ name: String, namespace: String = namespace, _ kind: ServedKind = .configMap) -> JSONValue? {
        core.withState { state in
            guard let change = state.history.delete(kind, ObjectHistory.key(namespace: namespace, name: name)) else {
                return nil
            }
            state.announce(change)
            return change.object
        }
    }

    /// The objects as they are now, in the order of namespace and name.
    package func objects(_ kind: ServedKind = .configMap) -> [JSONValue] {
        core.withState { state in state.history.objects(kind, at: state.history.version).map(\.object) }
    }

    /// Returns when the objects are as wanted, by whomever they were made so.
    package func awaitObjects(
        _ kind: ServedKind = .configMap,
        until isSatisfied: @escaping @Sendable ([JSONValue]) -> Bool
    ) async {
        await core.wait { isSatisfied($0.history.objects(kind, at: $0.history.version).map(\.object)) }
    }

    /// How many objects there are, of all kinds.
    package var objectCount: Int { core.withState { $0.history.count } }

    /// The whole list, as it is answered now.
    package func listDocument(_ kind: ServedKind = .configMap) -> JSONValue {
        core.withState { state in
            ListAnswer.document(kind, state.history.objects(kind, at: state.history.version), state.history.version)
        }
    }

    /// The version of the last change.
    package var version: UInt64 { core.withState { $0.history.version } }

    /// Lets versions pass, as changes of other kinds do.
    package func skipVersions(_ count: UInt64) { core.withState { $0.history.skip(count) } }

    /// Forgets every version before the present one: watches and pages from there are expired.
    package func compact() { core.withState { $0.history.compact() } }

    /// Makes everything as it was at a version, as a restored backup does: versions go backwards, and are given out again.
    package func restore(_ version: UInt64) { core.withState { $0.history.rewind(to: version) } }

    /// From now on lists at version "0" show this moment, as from a watch cache that has fallen behind.
    package func freezeCache() { core.withState { $0.cachedVersion = $0.history.version } }

    package func thawCache() { core.withState { $0.cachedVersion = nil } }

    /// Changes made by `body` are told to no watch that is open.
    package func withholdingEvents(_ body: () throws -> Void) rethrows {
        core.withState { $0.isWithholding = true }
        defer { core.withState { $0.isWithholding = false } }
        try body()
    }

    // MARK: Open watches

    /// Sends lines to every open watch, whatever the objects are like.
    package func send(_ lines: JSONValue...) { forEachWatch { watch in lines.forEach(watch.send) } }

    /// Sends a bookmark with the present version to every open watch that has asked for some.
    package func sendBookmark(_ kind: ServedKind = .configMap) {
        core.withState { state in
            for watch in state.watches where watch.target.kind == kind && watch.allowsBookmarks {
                watch.send(WatchLine.bookmark(state.history.version, kind))
            }
        }
    }

    /// Ends every open watch in order, as if its time had come.
    package func endWatches() { leaveWatches(.end) }

    /// Closes the connection of every open watch.
    package func cutWatches() { leaveWatches(.cut) }

    /// Sends nothing more to the watches that are open, though their connections stay.
    package func silenceWatches() { leaveWatches(.silence) }

    private func forEachWatch(_ body: (OpenWatch) -> Void) {
        core.withState { state in state.watches.forEach(body) }
    }

    /// They count as open no more, and hear of no further change.
    private func leaveWatches(_ last: OpenWatch.Message) {
        core.withState { state in
            for watch in state.watches { watch.mailbox.post(last) }
            state.watches = []
        }
    }

    // MARK: What was asked

    /// Every request, in the order of arrival.
    package var requests: [APIRequest] { core.withState { $0.requests } }

    package func requests(_ pattern: RequestPattern) -> [APIRequest] { requests.filter(pattern.matches) }

    package func count(_ pattern: RequestPattern) -> Int { requests(pattern).count }

    /// Returns when at least so many requests that match have come, answered or not.
    @discardableResult
    package func await(_ count: Int = 1, _ pattern: RequestPattern) async -> [APIRequest] {
        await core.wait { $0.requests.count(where: pattern.matches) >= count }
        return requests(pattern)
    }

    /// Returns when so many watches are open.
    package func awaitOpenWatches(_ count: Int = 1) async {
        await core.wait { $0.watches.count == count }
    }
}
