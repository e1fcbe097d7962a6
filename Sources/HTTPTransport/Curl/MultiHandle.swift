internal import CCurl
internal import Glibc

/// The owner of a `CURLM`: all transfers of a transport, their connections, DNS and TLS session caches.
///
/// Not thread-safe; used on the event loop's thread only. It is driven by `curl_multi_socket_action`. The simpler
/// `curl_multi_perform` of libcurl 7.88 forgets a transfer that asked to be run again when another one starts in the
/// same call, because it drops all timers up to a time that the start has moved on (`lib/multi.c`, the end of
/// `curl_multi_perform`); an HTTP/2 response that is complete then waits for the next event, whenever that is.
final class MultiHandle {
    /// Unused connections kept for later, over all hosts. As many as Go's `http.DefaultTransport` keeps. libcurl's own
    /// default, four times the running transfers, would close nearly all after each burst.
    private static let maxConnections = 100

    /// Thread-safe since libcurl 7.84.
    private static let globalInit = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    private let raw: UnsafeMutableRawPointer
    private let wakeUp: WakeUp
    fileprivate var sockets: SocketSet
    /// What the last `wait` found.
    private var ready: [(socket: Int32, events: Int32)] = []
    /// When libcurl wants to be called even if no socket is ready.
    fileprivate var timerDue: ContinuousClock.Instant?

    init(maxConnectionsPerHost: Int, wakeUp: WakeUp) throws(TransferError) {
        guard Self.globalInit == CURLE_OK, let raw = curl_multi_init() else {
            throw TransferError(.other, "libcurl could not be initialised; out of memory or file descriptors?")
        }
        self.raw = raw
        self.wakeUp = wakeUp
        sockets = SocketSet(wakeUp: wakeUp.descriptor)
        ccurl_multi_setopt_long(raw, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
        ccurl_multi_setopt_long(raw, CURLMOPT_MAXCONNECTS, Self.maxConnections)
        ccurl_multi_setopt_long(raw, CURLMOPT_MAX_HOST_CONNECTIONS, maxConnectionsPerHost)
        // Unretained: the callbacks come from within calls on `raw`, which this object makes, and are off before it goes.
        let context = Unmanaged.passUnretained(self).toOpaque()
        ccurl_multi_setopt_pointer(raw, CURLMOPT_SOCKETDATA, context)
        ccurl_multi_setopt_socket_callback(raw, socketChanged)
        ccurl_multi_setopt_pointer(raw, CURLMOPT_TIMERDATA, context)
        ccurl_multi_setopt_timer_callback(raw, timerChanged)
    }

    deinit {
        ccurl_multi_setopt_socket_callback(raw, nil)
        ccurl_multi_setopt_timer_callback(raw, nil)
        curl_multi_cleanup(raw)
    }

    /// Has a transfer begin with the next `advance`.
    func add(_ easy: EasyHandle) -> CURLMcode {
        curl_multi_add_handle(raw, easy.raw)
    }

    /// Ends a transfer. One that is not complete is aborted: HTTP/1.1 closes the connection, HTTP/2 resets the stream.
    /// No callback comes after.
    func remove(_ easy: EasyHandle) {
        curl_multi_remove_handle(raw, easy.raw)
    }

    /// Does what can be done without blocking: what sockets are ready for since `wait`, and what timers have come due.
    func advance() -> CURLMcode {
        var running: Int32 = 0
        defer { ready.removeAll(keepingCapacity: true) }
        for (socket, events) in ready {
            let status = curl_multi_socket_action(raw, socket, events, &running)
            guard status == CURLM_OK else { return status }
        }
        guard let due = timerDue, due <= .now else { return CURLM_OK }
        // Used up; libcurl sets the next one if there is any.
        timerDue = nil
        return curl_multi_socket_action(raw, CURL_SOCKET_TIMEOUT, 0, &running)
    }

    /// Blocks until there is something to advance, somebody signals the wake-up, or it is time. False when the system
    /// does not let it wait.
    func wait(until due: ContinuousClock.Instant?) -> Bool {
        let next = due.map { due in timerDue.map { min($0, due) } ?? due } ?? timerDue
        let milliseconds = next.map { Int32(clamping: max(0, ContinuousClock.now.duration(to: $0).milliseconds)) }
        guard let result = sockets.wait(milliseconds: milliseconds ?? -1) else { return false }
        ready = result.ready
        if result.isWoken { wakeUp.clear() }
        return true
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

private let socketChanged: curl_socket_callback = { _, socket, what, context, _ in
    guard let context else { return -1 }
    Unmanaged<MultiHandle>.fromOpaque(context).takeUnretainedValue().sockets.update(socket, what)
    return 0
}

private let timerChanged: curl_multi_timer_callback = { _, milliseconds, context in
    guard let context else { return -1 }
    let multi = Unmanaged<MultiHandle>.fromOpaque(context).takeUnretainedValue()
    multi.timerDue = milliseconds < 0 ? nil : ContinuousClock.now.advanced(by: .milliseconds(milliseconds))
    return 0
}
