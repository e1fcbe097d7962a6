public import KubeClient
public import Logging

/// Keeps a store equal to what the API server holds, by a list and then a watch, for ever.
///
/// # Recovery
/// A watch that ends is opened again from the last version seen; a bookmark counts as seen. A version that has become
/// too old (410, when the watch opens or in its middle) leads to a new list, first at the last version, then at the
/// newest. Every other failure, a refused connection or 429 among them, backs off and watches again without a list, so
/// that an API server that comes back is not met by relists from everyone. The rules are client-go's
/// (`tools/cache/reflector.go`).
public struct Reflector<Object: KubeObject>: Sendable {
    /// How long one watch request lasts: a random time in this range, so that watches do not all end together.
    public static var watchSeconds: ClosedRange<Int64> { 300...600 }

    /// A watch that ends sooner than this without an event is a fault of the server or of what lies between.
    static var shortestWatch: Duration { .seconds(1) }

    private let resources: ResourceClient<Object>
    private let selection: Selection
    private let store: Store<Object>
    private let logger: Logger
    private let onChange: @Sendable (ObjectKey) -> Void

    /// A reflector at rest; `run()` starts it.
    /// - Parameters:
    ///   - resources: the kind and the namespace to follow.
    ///   - selection: narrows both list and watch.
    ///   - store: what to keep up to date.
    ///   - onChange: told the key of each object that was added, changed or deleted, after the store has changed.
    public init(
        _ resources: ResourceClient<Object>,
        selection: Selection = Selection(),
        store: Store<Object>,
        logger: Logger,
        onChange: @escaping @Sendable (ObjectKey) -> Void
    ) {
        self.resources = resources
        self.selection = selection
        self.store = store
        self.logger = logger
        self.onChange = onChange
    }

    private enum Phase {
        /// About to list at this version: "0" takes what the server's cache holds, "" the newest state. Moves to
        /// `watching` on success; stays on failure.
        case listing(at: String)
        /// About to watch from this version. Moves to `listing` when the version is too old; stays otherwise.
        case watching(from: String)
    }

    /// Follows the API server until the task is cancelled. Failures are logged and retried, never thrown.
    public func run() async {
        var phase = Phase.listing(at: "0")
        var backoff = Backoff.reflector
        while !Task.isCancelled {
            do {
                try await step(&phase, &backoff)
            } catch is CancellationError {
                return
            } catch {
                phase = Self.recover(phase, from: error)
                let delay = backoff.next()
                logger.warning(
                    "the API server cannot be followed right now",
                    metadata: ["reason": "\(error)", "retry.after": "\(delay)"]
                )
                try? await Task.sleep(for: delay)
            }
        }
    }

    static private func recover(_ phase: Phase, from error: any Error) -> Phase {
        let isExpired = (error as? KubeError)?.code == .expired
        switch phase {
        case .listing: return .listing(at: "")
        case .watching(let version): return isExpired ? .listing(at: version) : phase
        }
    }

    private func step(_ phase: inout Phase, _ backoff: inout Backoff) async throws {
        switch phase {
        case .listing(let version):
            let list = try await resources.list(selection, resourceVersion: version.isEmpty ? nil : version)
            for key in store.replace(list.items, scope: resources.namespace ?? "") { onChange(key) }
            logger.debug("listed", metadata: ["objects": "\(list.items.count)", "version": "\(list.resourceVersion)"])
            backoff.reset()
            phase = .watching(from: list.resourceVersion)
        case .watching(let version):
            let opened = ContinuousClock.now
            let timeout = Duration.seconds(Int64.random(in: Self.watchSeconds))
            for try await event in resources.watch(selection, from: version, timeout: timeout) {
                // Kept event by event: what was seen before a failure is not watched again.
                phase = .watching(from: handle(event))
                backoff.reset()
            }
            if ContinuousClock.now - opened < Self.shortestWatch, !Task.isCancelled {
                try await Task.sleep(for: backoff.next())
            }
        }
    }

    /// Updates the store; returns the version up to which everything has been seen.
    private func handle(_ event: WatchEvent<Object>) -> String {
        switch event {
        case .added(let object), .modified(let object):
            if store.apply(object) { onChange(object.metadata.key) }
            return object.metadata.resourceVersion
        case .deleted(let object):
            store.remove(object)
            onChange(object.metadata.key)
            return object.metadata.resourceVersion
        case .bookmark(let version):
            return version
        }
    }
}
