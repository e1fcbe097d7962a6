internal import JSON
internal import KubeClient
internal import Workflows

extension ResourceClient where Object == DynamicObject {
    /// Waits, by a watch, until an object is as somebody wants it.
    ///
    /// An object that does not exist yet is waited for; so is an API server that does not answer. Nothing else ends the wait
    /// but `isMet`, an error that does not go away by itself, and the cancellation of the task, which ends it at once.
    /// Reads nothing but the one object, so that the account needs `list` and `watch` on it and no more.
    /// - Parameters:
    ///   - time: for the pauses before it tries again.
    ///   - onFailure: told of an error that is waited out.
    ///   - isMet: told the object as it is at first and after each change, nil while there is none. The same state may be
    ///     told twice, and states that do not last may be missed. What it throws ends the wait.
    /// - Returns: what `isMet` was told last.
    /// - Throws: `KubeError`; `CancellationError`.
    func wait(
        for name: String,
        time: TimeSource,
        onFailure: (KubeError) -> Void = { _ in },
        until isMet: (DynamicObject?) throws -> Bool
    ) async throws -> DynamicObject? {
        let selection = Self.selection(of: name)
        /// After which the next watch begins; nil before the first list, and when a watch has broken.
        var version: String?
        var failures = 0
        while true {
            var pause = Duration.zero
            do {
                if version == nil {
                    let list = try await list(selection)
                    let object = list.items.first.map(typed)
                    if try isMet(object) { return object }
                    version = list.resourceVersion
                }
                var isSilent = true
                for try await event in watch(selection, from: version ?? "") {
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
            } catch let error as KubeError where Self.passes(error) {
                version = nil
                pause = error.retryAfter ?? .zero
                onFailure(error)
            }
            failures += 1
            try await time.sleep(for: max(pause, Self.waitBackoff.delay(afterAttempt: failures, seed: name)))
        }
    }

    /// The object with its kind, which servers leave out of lists.
    func typed(_ object: DynamicObject) -> DynamicObject {
        var object = object
        object.content["apiVersion"] = .string(api.apiVersion)
        object.content["kind"] = .string(api.kind)
        return object
    }

    /// Whether another list may succeed where this has failed.
    private static func passes(_ error: KubeError) -> Bool {
        // Proxies cut watches off in the middle of an event.
        error.code == .expired || error.isRetryable || error.code == .unreadable && error.operation.verb == "watch"
    }

    /// 800 ms doubling to 30 s, up to twice that by chance (client-go `tools/cache/reflector.go`).
    private static var waitBackoff: RetryBackoff {
        var backoff = RetryBackoff()
        (backoff.duration, backoff.factor, backoff.maxDuration, backoff.jitter) = ("800ms", 2, "30s", 1)
        return backoff
    }

    private static func selection(of name: String) -> Selection {
        // Escaped as apimachinery's `fields.EscapeValue` does it.
        let escaped = name.flatMap { "\\,=".contains($0) ? "\\\($0)" : "\($0)" }
        return Selection(fieldSelector: "metadata.name=\(String(escaped))")
    }
}
