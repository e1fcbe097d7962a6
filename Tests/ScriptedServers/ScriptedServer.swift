import Glibc
import Synchronization

/// A server on 127.0.0.1, on a port the kernel chooses. Each connection is served by a script on a thread of its own.
///
/// Scripts block: they are the other side of the wire, not the code under test. A connection ends with its script,
/// whether that returns or throws. The server ends with its last reference.
package final class ScriptedServer: Sendable {
    package typealias Script = @Sendable (ServerConnection) throws -> Void

    package let port: UInt16
    private let core: Core

    /// `identity` makes it a TLS server. A server that `isRefusing` has its port, but refuses connections.
    package init(
        _ identity: ServerIdentity? = nil,
        isRefusing: Bool = false,
        beforeHandshake: @escaping @Sendable (_ index: Int) -> Void = { _ in },
        script: @escaping Script
    ) throws {
        let port = try ReservedPort()
        self.port = port.number
        core = Core(port, identity, beforeHandshake, script)
        if !isRefusing { try core.listen() }
    }

    deinit {
        core.stop()
    }

    /// How many connections were accepted so far.
    package var accepted: Int { core.accepted }

    /// Refuses connections from now on, as if no process listened. Those that were accepted go on.
    package func refuse() {
        core.refuse()
    }

    /// Accepts connections again after `refuse()`, at the same port. Nothing happens if it does already.
    package func listen() throws {
        try core.listen()
    }

    /// Shows another certificate to connections from now on.
    package func present(_ identity: ServerIdentity) {
        core.present(identity)
    }

    /// Ends all connections that are open, in the middle of whatever goes on.
    package func interruptAll() {
        core.interruptAll()
    }

    package func url(_ path: String = "/", scheme: String = "http") -> String {
        "\(scheme)://127.0.0.1:\(port)\(path)"
    }

    /// A port where nothing listens: it was free a moment ago, and the kernel does not hand it out again at once.
    package static func unusedPort() throws -> UInt16 {
        try ScriptedServer { _ in }.port
    }
}

private final class Core: Sendable {
    private struct State {
        var identity: ServerIdentity?
        var listener: (descriptor: Int32, acceptor: BlockingThread)?
        var sockets: [Socket] = []
        var threads: [BlockingThread] = []
        var isStopped = false
    }

    private let port: ReservedPort
    private let beforeHandshake: @Sendable (Int) -> Void
    private let script: ScriptedServer.Script
    private let state: Mutex<State>

    init(
        _ port: ReservedPort,
        _ identity: ServerIdentity?,
        _ beforeHandshake: @escaping @Sendable (Int) -> Void,
        _ script: @escaping ScriptedServer.Script
    ) {
        self.port = port
        self.beforeHandshake = beforeHandshake
        self.script = script
        state = Mutex(State(identity: identity))
    }

    var accepted: Int { state.withLock { $0.sockets.count } }

    func present(_ identity: ServerIdentity) {
        state.withLock { $0.identity = identity }
    }

    func listen() throws {
        guard state.withLock({ $0.listener == nil }) else { return }
        let descriptor = try port.socket()
        guard Glibc.listen(descriptor, 1024) == 0 else { throw ChannelError(errno: errno) }
        state.withLock { state in
            state.listener = (descriptor, BlockingThread { self.acceptConnections(descriptor) })
        }
    }

    func refuse() {
        let listener = state.withLock { state in
            defer { state.listener = nil }
            return state.listener
        }
        guard let listener else { return }
        shutdown(listener.descriptor, Int32(SHUT_RDWR))
        listener.acceptor.join()
        close(listener.descriptor)
    }

    func interruptAll() {
        for socket in state.withLock({ $0.sockets }) { socket.interrupt() }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        refuse()
        interruptAll()
        for thread in state.withLock({ $0.threads }) { thread.join() }
    }

    private func acceptConnections(_ listener: Int32) {
        while true {
            let descriptor = accept(listener, nil, nil)
            guard descriptor >= 0 else { return }
            // A child process that held it too would keep the connection open after this side has closed it.
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            let socket = Socket(descriptor: descriptor)
            state.withLock { state in
                guard !state.isStopped else { return }
                let index = state.sockets.count
                let identity = state.identity
                state.sockets.append(socket)
                state.threads.append(BlockingThread { self.serve(socket, index, identity) })
            }
        }
    }

    private func serve(_ socket: Socket, _ index: Int, _ identity: ServerIdentity?) {
        defer { socket.close() }
        beforeHandshake(index)
        guard let channel = openChannel(on: socket, identity) else { return }
        try? script(ServerConnection(index: index, channel: channel, socket: socket))
    }

    private func openChannel(on socket: Socket, _ identity: ServerIdentity?) -> (any ByteChannel)? {
        guard let identity else { return socket }
        return TLSChannel(socket, identity)
    }
}

/// A port on 127.0.0.1 that stays this process's own, whether anything listens there or not.
private final class ReservedPort: Sendable {
    let number: UInt16
    private let descriptor: Int32

    init() throws {
        (descriptor, number) = try Self.bind(0)
    }

    deinit {
        close(descriptor)
    }

    /// A socket bound to the port, beside the one that holds it.
    func socket() throws -> Int32 {
        try Self.bind(number).descriptor
    }

    private static func bind(_ port: UInt16) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        address.sin_port = port.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutableBytes(of: &address) { bytes -> Int32 in
            guard let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress else { return -1 }
            return Glibc.bind(descriptor, address, length) | getsockname(descriptor, address, &length)
        }
        guard status == 0 else {
            defer { close(descriptor) }
            throw ChannelError(errno: errno)
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }
}
