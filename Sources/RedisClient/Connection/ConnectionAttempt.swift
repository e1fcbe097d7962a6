import Glibc

/// One attempt to get from nothing to a greeted connection, step by step and without blocking.
///
/// Used by the connection's thread only.
final class ConnectionAttempt {
    private enum Stage {
        /// Moves to `connecting`.
        case resolving
        /// TCP. Moves to `securing` or `greeting`, or to `connecting` with the next address.
        case connecting(RedisSocket)
        /// The TLS handshake. Moves to `greeting`.
        case securing(TLSSession)
        /// The last stage.
        case greeting(RedisLink)
    }

    private let configuration: RedisConfiguration
    private let endpoint: RedisEndpoint
    private let lookup: AddressLookup
    private var stage = Stage.resolving
    private var greeting: Greeting
    /// Addresses not tried yet, the next one last.
    private var addresses: [SocketAddress] = []
    /// What became of the address tried before.
    private var lastFailure: SystemError?
    private let deadline: ContinuousClock.Instant
    /// When the address being tried gives way to the next; the whole deadline for the last one.
    private(set) var nextDeadline: ContinuousClock.Instant

    init(
        _ configuration: RedisConfiguration,
        _ endpoint: RedisEndpoint,
        lookup: AddressLookup,
        now: ContinuousClock.Instant
    ) throws(RedisConnectionFailure) {
        self.configuration = configuration
        self.endpoint = endpoint
        self.lookup = lookup
        deadline = now + configuration.connectTimeout
        nextDeadline = deadline
        do throws(RedisError) {
            greeting = try Greeting(configuration, endpoint)
        } catch {
            throw RedisConnectionFailure(.authentication, endpoint, "\(error)")
        }
    }

    /// The socket to `poll`, if there is one yet, and for what.
    var interest: (fileDescriptor: Int32, events: Int16)? {
        switch stage {
        case .resolving: nil
        case .connecting(let socket): (socket.fileDescriptor, Int16(POLLOUT))
        case .securing(let session):
            (session.socket.fileDescriptor, Transport.secure(session).pollEvents(hasOutput: false))
        case .greeting(let link):
            (link.transport.fileDescriptor, link.transport.pollEvents(hasOutput: !greeting.output.isEmpty))
        }
    }

    /// What has not come yet, with a hint if that is telling.
    var missing: String {
        switch stage {
        case .resolving: "the address of the host."
        case .connecting: "the TCP connection."
        case .securing: "the TLS handshake. \(TLSSession.plainPortHint)"
        case .greeting: "the reply to the greeting (AUTH, CLIENT SETNAME, SELECT, PING)."
        }
    }

    /// Goes as far as possible. Returns the connection when all is done.
    ///
    /// - Parameter isReady: Whether `poll` has told anything about the socket.
    func advance(isReady: Bool, now: ContinuousClock.Instant) throws(RedisConnectionFailure) -> RedisLink? {
        var isReady = isReady
        while true {
            switch stage {
            case .resolving:
                guard try resolve() else { break }
                try connectToNextAddress(now: now)
                return nil
            case .connecting(let socket):
                guard isReady else { break }
                do throws(SystemError) {
                    try socket.finishConnecting()
                } catch {
                    lastFailure = error
                    try connectToNextAddress(now: now)
                    return nil
                }
                try secureOrGreet(over: socket)
                // A fresh connection is worth a try at once.
                isReady = true
                continue
            case .securing(let session):
                guard isReady else { break }
                if try attempt({ () throws(TransferFailure) in try session.handshake() }) {
                    try greet(over: .secure(session))
                    continue
                }
            case .greeting(let link):
                if isReady, try greet(link) { return link }
            }
            try checkDeadline(now)
            return nil
        }
    }

    private func resolve() throws(RedisConnectionFailure) -> Bool {
        do throws(AddressLookup.Failure) {
            guard let found = try lookup.addresses() else { return false }
            addresses = found.reversed()
            return true
        } catch {
            throw RedisConnectionFailure(.nameResolution, endpoint, error.detail)
        }
    }

    /// Addresses that fail at once are skipped at once; one that does not answer gets its share of the time left.
    private func connectToNextAddress(now: ContinuousClock.Instant) throws(RedisConnectionFailure) {
        while let address = addresses.popLast() {
            do throws(SystemError) {
                stage = .connecting(try RedisSocket(connectingTo: address))
                nextDeadline = now + now.duration(to: deadline) / (addresses.count + 1)
                return
            } catch {
                lastFailure = error
            }
        }
        let what = lastFailure?.description ?? "the host has no address"
        let help = lastFailure?.code == ECONNREFUSED ? ". Is the server running, and are host and port right?" : "."
        throw RedisConnectionFailure(.network, endpoint, what + help)
    }

    private func secureOrGreet(over socket: RedisSocket) throws(RedisConnectionFailure) {
        // The other addresses were for reaching the server. It has been reached.
        addresses = []
        nextDeadline = deadline
        guard let tls = configuration.tls else { return try greet(over: .plain(socket)) }
        stage = .securing(
            try attempt { () throws(TransferFailure) in try TLSSession(over: socket, to: endpoint.host, tls) }
        )
    }

    private func greet(over transport: Transport) throws(RedisConnectionFailure) {
        stage = .greeting(
            try RedisLink(transport, endpoint: endpoint, maximumReplySize: configuration.maximumReplySize)
        )
    }

    /// True when the last reply has come.
    private func greet(_ link: RedisLink) throws(RedisConnectionFailure) -> Bool {
        var refusal: RedisConnectionFailure?
        var failure: RedisConnectionFailure?
        do throws(RedisConnectionFailure) {
            try attempt { () throws(TransferFailure) in try greeting.flush(to: link.transport) }
        } catch {
            failure = error
        }
        // Also after a failed write: what the server said before it hung up tells more than that it did, such as a
        // refused client certificate, which with TLS 1.3 comes after the handshake.
        do throws(RedisConnectionFailure) {
            _ = try link.receive { reply in
                if refusal != nil { return }
                do throws(RedisConnectionFailure) { try greeting.accept(reply) } catch { refusal = error }
            }
        } catch {
            if failure == nil || error.reason == .tls { failure = error }
        }
        if let refusal { throw refusal }
        if let failure { throw greeting.explain(failure) }
        return greeting.isFinished
    }

    private func attempt<Value>(
        _ body: () throws(TransferFailure) -> Value
    ) throws(RedisConnectionFailure) -> Value {
        do throws(TransferFailure) {
            return try body()
        } catch {
            throw RedisConnectionFailure(error.reason, endpoint, error.detail)
        }
    }

    private func checkDeadline(_ now: ContinuousClock.Instant) throws(RedisConnectionFailure) {
        guard now >= nextDeadline else { return }
        if case .connecting = stage, !addresses.isEmpty {
            lastFailure = SystemError("connect", ETIMEDOUT)
            return try connectToNextAddress(now: now)
        }
        throw RedisConnectionFailure(
            .timeout,
            endpoint,
            "waited \(configuration.connectTimeout.wholeMilliseconds) ms (connectTimeout) for \(missing)"
        )
    }
}
