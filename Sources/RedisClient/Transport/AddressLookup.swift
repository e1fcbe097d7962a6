import Glibc
import Synchronization

/// Asks for the addresses of a host without blocking the connection's thread.
///
/// `getaddrinfo` has no timeout of its own and may take half a minute when name servers are away. A name is therefore
/// looked up by a short-lived thread, at most one at a time; an IP address is taken at once.
final class AddressLookup: Sendable {
    struct Failure: Error, Hashable {
        let detail: String
    }

    private enum State {
        case idle
        case running
        case finished(Result<[SocketAddress], Failure>)
    }

    private let endpoint: RedisEndpoint
    private let wake: WakeEvent
    private let state = Mutex(State.idle)

    /// - Parameter wake: Signalled when an answer is there.
    init(_ endpoint: RedisEndpoint, wake: WakeEvent) {
        self.endpoint = endpoint
        self.wake = wake
    }

    /// The addresses in the order to try them, or `nil` while the answer is pending: call again after the wake event.
    ///
    /// An answer is handed out once. The next call asks anew, because after a failover a name may point elsewhere.
    func addresses() throws(Failure) -> [SocketAddress]? {
        let answer: Result<[SocketAddress], Failure>? = state.withLock { state in
            switch state {
            case .idle:
                if let numeric = try? Self.resolve(endpoint, flags: AI_NUMERICHOST) { return .success(numeric) }
                state = start()
                return nil
            case .running: return nil
            case .finished(let answer):
                state = .idle
                return answer
            }
        }
        return try answer?.get()
    }

    private func start() -> State {
        do {
            try SystemThread(name: "redis-dns") { [self] in
                let answer = Result { () throws(Failure) in try Self.resolve(endpoint, flags: 0) }
                state.withLock { $0 = .finished(answer) }
                wake.signal()
            }.detach()
            return .running
        } catch {
            wake.signal()
            return .finished(.failure(Failure(detail: "looking up the host needs a thread; \(error)")))
        }
    }

    private static func resolve(_ endpoint: RedisEndpoint, flags: Int32) throws(Failure) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard code == 0 else {
            let text = gai_strerror(code).map { String(cString: $0) } ?? "code \(code)"
            throw Failure(detail: "looking up the host failed: \(text). Is its name right, and does DNS work here?")
        }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next?.pointee {
            let bytes = UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen))
            addresses.append(SocketAddress(family: entry.ai_family, bytes: bytes))
            next = entry.ai_next
        }
        return addresses
    }
}
