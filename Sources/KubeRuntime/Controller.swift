public import KubeClient
public import Logging

/// What a reconcile asks for when it went well.
public enum Requeue: Sendable, Equatable {
    /// Nothing until the object changes.
    case awaitChange
    /// Again after so long, or earlier when the object changes.
    case after(Duration)
}

/// Work that cannot succeed until somebody changes something: it is not tried again before the object changes.
public struct TerminalError: Error, Sendable, CustomStringConvertible {
    /// What is wrong and what would help.
    public let description: String

    /// Says what is wrong and what would help.
    public init(_ description: String) { self.description = description }
}

/// Brings the world in line with the objects of one kind, one key at a time.
///
/// The reconcile function is level-based: it gets a key, looks at how things are now, and does what is missing,
/// whatever event led to the call. It is never run twice at once for one key. If it throws, the key is tried again
/// with a growing delay; a failure never stops the controller or another key.
public struct Controller<Object: KubeResource>: Sendable {
    /// The queue of keys; add to it what changed outside the API server.
    public let queue: WorkQueue<ObjectKey, ContinuousClock>
    /// The objects, as far as seen.
    public let store: Store<Object>

    private let client: KubeClient
    private let namespaces: [String]
    private let workers: Int
    private let logger: Logger

    /// A controller at rest.
    /// - Parameters:
    ///   - namespaces: what to watch; empty for all namespaces.
    ///   - workers: how many keys are reconciled at once.
    public init(_ type: Object.Type, client: KubeClient, namespaces: [String], workers: Int = 4, logger: Logger) {
        self.client = client
        self.namespaces = namespaces
        self.workers = workers
        self.logger = logger
        queue = WorkQueue()
        store = Store(scopes: namespaces.isEmpty ? [""] : namespaces)
    }

    /// Takes no new work; `run` ends when what is in progress is done. Returns at once.
    public func stop() { queue.shutDown() }

    /// Follows the objects and reconciles them until `stop()`, or until the task is cancelled, which cancels the work in
    /// progress with it.
    public func run(reconcile: @escaping @Sendable (ObjectKey) async throws -> Requeue) async {
        await withDiscardingTaskGroup { group in
            for namespace in namespaces.isEmpty ? [nil] : namespaces.map(Optional.some) {
                let reflector = Reflector(
                    client.resources(Object.self, namespace: namespace),
                    store: store,
                    logger: logger,
                    onChange: { [queue] in queue.add($0) }
                )
                group.addTask { await reflector.run() }
            }
            group.addTask { [queue] in await queue.run() }
            // Until the first list is complete a missing object means nothing.
            await store.waitUntilSynced()
            await withDiscardingTaskGroup { workerGroup in
                for _ in 0..<workers {
                    workerGroup.addTask { await work(reconcile) }
                }
            }
            group.cancelAll()
        }
    }

    private func work(_ reconcile: @Sendable (ObjectKey) async throws -> Requeue) async {
        while let key = await queue.next() {
            do {
                let requeue = try await reconcile(key)
                queue.forget(key)
                if case .after(let delay) = requeue { queue.add(key, after: delay) }
            } catch is CancellationError {
                // Shutting down; the next start reconciles everything.
            } catch let error as TerminalError {
                queue.forget(key)
                logger.warning("not tried again before it changes", metadata: ["key": "\(key)", "reason": "\(error)"])
            } catch {
                logger.warning("reconciling will be tried again", metadata: ["key": "\(key)", "reason": "\(error)"])
                queue.addAfterFailure(key)
            }
            queue.done(key)
        }
    }
}
