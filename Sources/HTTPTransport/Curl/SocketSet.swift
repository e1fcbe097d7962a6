internal import CCurl
internal import Glibc

/// The sockets libcurl wants to hear of, and the descriptor that wakes the loop, in the form `poll` takes them.
struct SocketSet {
    /// The first is the wake-up.
    private var entries: [pollfd]
    private var positions: [Int32: Int] = [:]

    init(wakeUp descriptor: Int32) {
        entries = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
    }

    /// What libcurl asks for a socket: one of `CURL_POLL_IN`, `OUT`, `INOUT` and `REMOVE`.
    mutating func update(_ socket: Int32, _ what: Int32) {
        guard what != CURL_POLL_REMOVE else { return remove(socket) }
        var events: Int16 = 0
        if what & CURL_POLL_IN != 0 { events |= Int16(POLLIN) }
        if what & CURL_POLL_OUT != 0 { events |= Int16(POLLOUT) }
        if let position = positions[socket] {
            entries[position].events = events
        } else {
            positions[socket] = entries.count
            entries.append(pollfd(fd: socket, events: events, revents: 0))
        }
    }

    private mutating func remove(_ socket: Int32) {
        guard let position = positions.removeValue(forKey: socket) else { return }
        let last = entries.removeLast()
        guard position < entries.count else { return }
        entries[position] = last
        positions[last.fd] = position
    }

    /// Blocks until a descriptor is ready or the time is over; a signal may end it early. Returns the ready sockets, with
    /// what for in libcurl's terms, and whether the wake-up was signalled. nil when the system refuses, `errno` set.
    mutating func wait(milliseconds: Int32) -> (ready: [(socket: Int32, events: Int32)], isWoken: Bool)? {
        let count = poll(&entries, nfds_t(entries.count), milliseconds)
        guard count >= 0 || errno == EINTR else { return nil }
        guard count > 0 else { return ([], false) }
        var ready: [(socket: Int32, events: Int32)] = []
        for entry in entries.dropFirst() where entry.revents != 0 {
            let received = Int32(entry.revents)
            var events: Int32 = 0
            if received & (POLLIN | POLLHUP) != 0 { events |= CURL_CSELECT_IN }
            if received & POLLOUT != 0 { events |= CURL_CSELECT_OUT }
            if received & (POLLERR | POLLNVAL) != 0 { events |= CURL_CSELECT_ERR }
            ready.append((entry.fd, events))
        }
        return (ready, entries[0].revents != 0)
    }
}
