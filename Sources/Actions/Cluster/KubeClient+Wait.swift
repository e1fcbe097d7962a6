internal import JSON
internal import KubeClient
internal import Workflows

extension KubeClient {
    /// Waits, by a watch, until an object is as somebody wants it.
    ///
    /// An object that does not exist yet is waited for; so is an API server that does not answer. Nothing else ends the wait
    /// but `isMet`, an error that does not go away by itself, and the cancellation of the task, which ends it at once.
    /// Reads nothing but the one object, so that the account needs `list` and `watch` on it and no more.
    /// - Parameters:
    ///   - time: for the pauses before it tries again.
    ///   - isMet: told the object as it is at first and after each change, nil while there is none. The same state may be
    ///     told twice, and states that do not last may be missed. What it throws ends the wait.
    /// - Returns: what `isMet` was told last.
    /// - Throws: `UnresolvedResource` when the server has no such kind; `KubeError`; `CancellationError`.
    func wait(
        for reference: ObjectReference,
        time: TimeSource,
        until isMet: (DynamicObject?) throws -> Bool
    ) async throws -> DynamicObject? {
        let resources = try await reference.resources(in: self)
        /// After which the next watch begins; nil before the first list, and when a watch has broken.
        var version: String?
        var failures = 0
        while true {
            var pause = Duration.zero
            do {
                if version == nil {
                    let list = try await resources.list(reference.selection)
                    let object = list.items.first.map(reference.typed)
                    if try isMet(object) { return object }
                    version = list.resourceVersion
                }
                var isSilent = true
                for try await event in resources.watch(reference.selection, from: version ?? "") {
                    (isSilent, failures) = (false, 0)
                    switch event {
                    case .added(let object), .modified(let object):
                        if try isMet(object) { return object }
                        version = object.metadata.resourceVersion
                    case .deleted(let object):
                        if try isMet(nil) { return nil }
                        version = object.metadata.resourceVersion
                    case .bookmark(let bookmark, _): version = bookmark
                    }
                }
                // Servers end each watch after a while. One that ends them before anything has come is not pressed.
                try Task.checkCancellation()
                guard isSilent else { continue }
            } catch let error as KubeError where error.code == .expired || error.isRetryable {
                version = nil
                pause = error.retryAfter ?? .zero
            }
            failures += 1
            let backoff = Self.waitBackoff.delay(afterAttempt: failures, seed: reference.description)
            try await time.sleep(for: max(pause, backoff))
        }
    }

    /// 800 ms doubling to 30 s, up to twice that by chance (client-go `tools/cache/reflector.go`).
    private static let waitBackoff: RetryBackoff = {
        var backoff = RetryBackoff()
        (backoff.duration, backoff.factor, backoff.maxDuration, backoff.jitter) = ("800ms", 2, "30s", 1)
        return backoff
    }()
}
