extension ResourceClient {
    /// How long a watch may be silent before it counts as dead. Servers send a bookmark about every 60 s
    /// (k8s.io/apiserver `cacher.go`); half as much again allows for a slow one.
    public static var watchSilenceLimit: Duration { .seconds(90) }

    /// Follows changes, as a sequence that ends when the server closes the watch.
    /// - Parameters:
    ///   - selection: narrows the watch on the server.
    ///   - start: after which version, or with every object there is.
    ///   - timeout: after so long, in whole seconds, the server ends the watch by itself.
    ///   - silenceLimit: a watch without a byte for so long is given up as dead (`.transport(.idle)`).
    public func watch(
        _ selection: Selection = Selection(),
        from start: WatchStart,
        timeout: Duration = .seconds(300),
        silenceLimit: Duration = watchSilenceLimit
    ) -> Watch<Object> {
        var query = selection.query
        query.append(("watch", "1"))
        query.append(("allowWatchBookmarks", "true"))
        query += start.query
        query.append(("timeoutSeconds", String(timeout.wholeSeconds)))
        var request = KubeRequest(
            operation: operation("watch"),
            path: api.path(namespace: namespace),
            query: query,
            accept: Object.accept()
        )
        request.idleTimeout = silenceLimit
        request.acceptsCompression = false
        return Watch(client: client, request: request, onUnreadable: onUnreadable)
    }

    /// Follows changes after a version; see `watch(_:from:timeout:silenceLimit:)`.
    public func watch(
        _ selection: Selection = Selection(),
        from resourceVersion: String,
        timeout: Duration = .seconds(300)
    ) -> Watch<Object> {
        watch(selection, from: .version(resourceVersion), timeout: timeout)
    }
}
