public import KubeClient
public import Logging

/// Keeps a store equal to what the API server holds, for ever: a list, or a watch that begins with all objects, and then a
/// watch for what changes.
///
/// # Recovery
/// - A watch that ends is opened again from the last version seen; a bookmark counts as seen.
/// - A version that has become too old (410, when the watch opens or in its middle) leads to a new list, at the last
///   version first, which the server answers from its cache; if that is refused, at the newest.
/// - A refused or lost connection, 429 and 5xx back off and watch again without a list, so that an API server that comes
///   back is not met by lists from everyone.
/// - A watch that is silent past its bookmarks, or ends at once, counts as failed.
/// - An object that cannot be read as its type is logged and left out, so that one bad object does not stop the others. If
///   an earlier state of it could be read, that stays in the store until the next list.
///
/// The rules are client-go's (`tools/cache/reflector.go`) with three differences: once there was a first list, no failure
/// but an expired version, or one that no retry can mend, leads to a list; bad objects are left out; and objects go into
/// the store as they arrive, so that a relist holds no second copy of everything.
public struct Reflector<Object: KubeObject>: Sendable {
    private let resources: ResourceClient<Object>
    private let selection: Selection
    private let store: Store<Object>
    private let scope: String
    private let timing: ReflectorTiming
    private let logger: Logger

    /// A reflector at rest; `run()` starts it.
    /// - Parameters:
    ///   - resources: what to follow; its namespace must be one of the store's scopes, `""` standing for nil.
    ///   - selection: narrows both list and watch.
    ///   - store: what to keep up to date.
    public init(
        _ resources: ResourceClient<Object>,
        selection: Selection = Selection(),
        store: Store<Object>,
        timing: ReflectorTiming = ReflectorTiming(),
        logger: Logger
    ) {
        self.selection = selection
        self.store = store
        self.timing = timing
        scope = resources.namespace ?? ""
        var logger = logger
        logger[metadataKey: "kube.resource"] = "\(resources.api.qualifiedName)"
        if !scope.isEmpty { logger[metadataKey: "kube.namespace"] = "\(scope)" }
        self.logger = logger
        self.resources = resources.skippingUnreadable { [logger] error in
            logger.error("an object is left out because it cannot be read", metadata: ["reason": "\(error)"])
        }
    }

    private enum Phase {
        /// About to watch with initial events. Moves to `watching` when they are complete, to `listing` on any failure.
        case streaming
        /// About to list. Moves to `watching` on success, to a list at the newest version when this one is too old for the
        /// server or too new; stays otherwise.
        case listing(at: ListVersion)
        /// About to watch from this version. Moves to `listing` or `streaming` when the version is too old; stays otherwise.
        case watching(from: String)
    }

    /// What is remembered across phases.
    private struct Memory {
        /// Until the server has refused it, or has shown that it does not know it.
        var mayStream = true
        /// Whether the server cuts lists out of its cache into pages.
        var isChunked = false
        /// The last version watched from; a list must not be older.
        var lastVersion: String?
        /// Where the watch after the last list began.
        var listedVersion: String?
        var backoff: Backoff
        var lastFailure: ContinuousClock.Instant?
    }

    /// Follows the API server until the task is cancelled. Failures are logged and retried, never thrown.
    public func run() async {
        var phase = Phase.streaming
        var memory = Memory(backoff: timing.backoff)
        while !Task.isCancelled {
            do {
                try await step(&phase, &memory)
            } catch is CancellationError {
                return
            } catch {
                guard recover(&phase, &memory, from: error) else { continue }
                if let last = memory.lastFailure, ContinuousClock.now - last > timing.backoffReset {
                    memory.backoff.reset()
                }
                memory.lastFailure = .now
                let delay = memory.backoff.next()
                store.fail("\(error)", scope)
                logger.warning(
                    "the API server cannot be followed right now",
                    metadata: ["reason": "\(error)", "retry.after": "\(delay)"]
                )
                try? await Task.sleep(for: delay)
            }
        }
    }

    /// Decides what comes after a failure.
    /// - Returns: whether to back off first.
    private func recover(_ phase: inout Phase, _ memory: inout Memory, from error: any Error) -> Bool {
        let failure = error as? KubeError
        let isStale = failure?.code == .expired || failure?.code == .resourceVersionTooLarge
        switch phase {
        case .streaming:
            // Whatever it was, the plain way is next; at once if all that is wrong is that the server cannot stream.
            phase = plainList(memory)
            let isRefused = error is InitialEventsIgnored || failure?.code == .invalid || failure?.code == .badRequest
            // Silence is what a server without bookmarks has for a wish it does not know; one such wait is enough.
            if isRefused || failure?.isSilence == true { memory.mayStream = false }
            return !isRefused
        case .listing(let version):
            guard isStale, version != .newest else { return true }
            phase = .listing(at: .newest)
            return false
        case .watching(let version):
            memory.lastVersion = version
            if isStale {
                phase = memory.mayStream ? .streaming : plainList(memory)
                // A server that calls its own list too old would otherwise be asked for lists without a pause.
                return version == memory.listedVersion
            }
            // A watch that can never be opened like this, for example of a kind that was removed and came back. Who may not
            // watch now may not list either, and would do so with everybody else at once when the rights are back.
            let isRefused = failure?.code == .unauthorized || failure?.code == .forbidden
            if let failure, failure.status != nil, !failure.isRetryable, !isRefused { phase = plainList(memory) }
            return true
        }
    }

    private func plainList(_ memory: Memory) -> Phase {
        .listing(at: memory.lastVersion.map { .notOlderThan($0) } ?? .any)
    }

    private func step(_ phase: inout Phase, _ memory: inout Memory) async throws {
        switch phase {
        case .streaming: try await stream(&phase, &memory)
        case .listing(let version): try await list(at: version, &phase, &memory)
        case .watching(let version): try await watch(from: version, &phase)
        }
    }

    private func list(at version: ListVersion, _ phase: inout Phase, _ memory: inout Memory) async throws {
        // Out of the server's cache a list comes whole and cheap; a page size would send the request on to etcd.
        let isFromCache = if case .notOlderThan = version { !memory.isChunked } else { false }
        store.beginList(scope)
        var last = ""
        let pageSize = isFromCache ? nil : ResourceClient<Object>.defaultPageSize
        for try await page in resources.pages(selection, at: version, pageSize: pageSize) {
            if page.startsOver { store.beginList(scope) }
            if version == .any, page.isChunked { memory.isChunked = true }
            store.takeListed(page.items, scope)
            last = page.resourceVersion ?? last
        }
        store.endList(last, scope, isNewest: version == .newest)
        logger.debug("listed", metadata: ["objects": "\(store.count)", "version": "\(last)"])
        memory.listedVersion = last
        phase = .watching(from: last)
    }

    /// A server took a watch for initial events for an ordinary one.
    private struct InitialEventsIgnored: Error, CustomStringConvertible {
        let description = "the watch for initial events brought no end of them; listing instead"
    }

    private struct InitialEventsCutShort: Error, CustomStringConvertible {
        let description = "the server ended the watch before all initial events had come"
    }

    private func stream(_ phase: inout Phase, _ memory: inout Memory) async throws {
        store.beginList(scope)
        let opened = ContinuousClock.now
        var hasWarned = false
        var isComplete = false
        for try await event in open(.initialEvents) {
            if isComplete {
                _ = handle(event, &phase)
                continue
            }
            if !hasWarned, ContinuousClock.now - opened > timing.initialEventsWarning {
                hasWarned = true
                logger.warning("the initial events take long", metadata: ["objects": "\(store.count)"])
            }
            switch event {
            case .added(let object), .modified(let object): store.takeListed([object], scope)
            case .deleted(let object): store.remove(object, scope)
            case .bookmark(let version, true):
                store.endList(version, scope, isNewest: true)
                logger.debug("initial events complete", metadata: ["objects": "\(store.count)"])
                isComplete = true
                memory.listedVersion = version
                phase = .watching(from: version)
            case .bookmark(_, false): throw InitialEventsIgnored()
            }
        }
        guard isComplete else { throw InitialEventsCutShort() }
    }

    private func watch(from version: String, _ phase: inout Phase) async throws {
        let opened = ContinuousClock.now
        var hasNews = false
        for try await event in open(.version(version)) {
            // Kept event by event: what was seen before a failure is not watched again.
            if handle(event, &phase) { hasNews = true }
        }
        if !hasNews, ContinuousClock.now - opened < timing.shortestWatch, !Task.isCancelled { throw VeryShortWatch() }
    }

    private struct VeryShortWatch: Error, CustomStringConvertible {
        let description = "a very short watch: the server closed it at once, without news"
    }

    private func open(_ start: WatchStart) -> Watch<Object> {
        resources.watch(
            selection,
            from: start,
            timeout: .seconds(Int64.random(in: timing.watchSeconds)),
            silenceLimit: timing.watchSilence
        )
    }

    /// Updates the store, and the version up to which everything has been seen.
    /// - Returns: whether the event was news of an object.
    private func handle(_ event: WatchEvent<Object>, _ phase: inout Phase) -> Bool {
        let seen: String
        var isNews = true
        switch event {
        case .added(let object), .modified(let object):
            store.apply(object, scope)
            seen = object.metadata.resourceVersion
        case .deleted(let object):
            store.remove(object, scope)
            seen = object.metadata.resourceVersion
        case .bookmark(let version, _):
            store.pass(version, scope)
            seen = version
            isNews = false
        }
        // An event may come late or twice; going back for it could lead to a version that the server has forgotten.
        if case .watching(let version) = phase, !ResourceVersion.isNewer(seen, than: version) { return false }
        phase = .watching(from: seen)
        return isNews
    }
}
