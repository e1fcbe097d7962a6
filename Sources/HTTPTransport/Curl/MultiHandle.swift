internal import CCurl

/// The owner of a `CURLM`: all transfers of a transport, their connections, DNS and TLS session caches.
///
/// ## Threads
/// `@unchecked Sendable`, because `wakeUp` is called from any thread. libcurl-multi documents `curl_multi_wakeup` as the
/// one function that may be called while another thread uses the handle, and the caller's reference keeps the handle
/// alive meanwhile. Everything else is called by the event loop alone, on its thread; `deinit` runs when no thread has
/// a reference left.
final class MultiHandle: @unchecked Sendable {
    /// Unused connections kept for later, over all hosts. As many as Go's `http.DefaultTransport` keeps. libcurl's own
    /// default, four times the running transfers, would close nearly all after each burst.
    private static let maxConnections = 100

    private let raw: UnsafeMutableRawPointer

    /// Thread-safe since libcurl 7.84.
    private static let globalInit = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    init(maxConnectionsPerHost: Int) throws(TransferError) {
        guard Self.globalInit == CURLE_OK, let raw = curl_multi_init() else {
            throw TransferError(.other, "libcurl could not be initialised; out of memory or file descriptors?")
        }
        self.raw = raw
        ccurl_multi_setopt_long(raw, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
        ccurl_multi_setopt_long(raw, CURLMOPT_MAXCONNECTS, Self.maxConnections)
        ccurl_multi_setopt_long(raw, CURLMOPT_MAX_HOST_CONNECTIONS, maxConnectionsPerHost)
    }

    deinit {
        curl_multi_cleanup(raw)
    }

    /// Makes a current or the next `poll` return at once. Callable from any thread.
    func wakeUp() {
        curl_multi_wakeup(raw)
    }

    /// Begins a transfer with the next `perform`.
    func add(_ easy: EasyHandle) -> CURLMcode {
        curl_multi_add_handle(raw, easy.raw)
    }

    /// Ends a transfer. One that is not complete is aborted: HTTP/1.1 closes the connection, HTTP/2 resets the stream.
    /// No callback comes after.
    func remove(_ easy: EasyHandle) {
        curl_multi_remove_handle(raw, easy.raw)
    }

    /// Does what can be done without blocking.
    func perform() -> CURLMcode {
        var running: Int32 = 0
        return curl_multi_perform(raw, &running)
    }

    /// Blocks until a socket is ready, a timer of libcurl's is due, somebody calls `wakeUp` or the time is over.
    func poll(milliseconds: Int32) -> CURLMcode {
        curl_multi_poll(raw, nil, 0, milliseconds, nil)
    }

    /// The next transfer that ended of itself: its easy handle and how it ended.
    func nextFinished() -> (easy: UnsafeMutableRawPointer, result: CURLcode)? {
        var left: Int32 = 0
        while let message = curl_multi_info_read(raw, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            return (easy, message.pointee.data.result)
        }
        return nil
    }
}
