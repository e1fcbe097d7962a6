internal import Instrumentation
internal import KubeClient
internal import ServiceContextModule
internal import Synchronization

/// Why each key is in the queue, for logs and spans. The reconcile function does not learn it: it looks at how things are.
final class ReconcileTriggers: Sendable {
    struct Trigger {
        var reasons: [String] = []
        /// Of the spans in which the key was added.
        var contexts: [ServiceContext] = []
    }

    /// More are not kept for one reconcile.
    private static let limit = 8

    private let waiting = Mutex<[ObjectKey: Trigger]>([:])

    func note(_ reason: String, for key: ObjectKey) {
        let context = ServiceContext.current
        waiting.withLock { waiting in
            if waiting[key, default: Trigger()].reasons.count < Self.limit,
                waiting[key]?.reasons.contains(reason) != true
            {
                waiting[key, default: Trigger()].reasons.append(reason)
            }
            if let context, waiting[key, default: Trigger()].contexts.count < Self.limit {
                waiting[key, default: Trigger()].contexts.append(context)
            }
        }
    }

    func take(_ key: ObjectKey) -> Trigger { waiting.withLock { $0.removeValue(forKey: key) } ?? Trigger() }
}

extension StoreChange {
    /// One word for a log line.
    var trigger: String {
        switch self {
        case .added(_, isInitial: true): "listed"
        case .added: "added"
        case .updated: "updated"
        case .deleted: "deleted"
        }
    }

    /// Old news waits for news (controller-runtime `pkg/handler`, `LowPriority`).
    var priority: Priority {
        if case .added(_, isInitial: true) = self { .low } else { .normal }
    }
}
