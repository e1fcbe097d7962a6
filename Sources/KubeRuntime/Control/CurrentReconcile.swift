internal import KubeClient

/// Which reconcile a task works for, so that a controller can tell its own writes from others.
struct CurrentReconcile: Sendable, Hashable {
    let controller: ObjectIdentifier
    let key: ObjectKey

    @TaskLocal static var current: CurrentReconcile?
}
