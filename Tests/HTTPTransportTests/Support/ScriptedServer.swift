import Glibc
import Synchronization

/// A server on 127.0.0.1, on a port the kernel chooses. Each connection is served by a script on a thread of its own.
///
/// Scripts block: they are the other side of the wire, not the code under test. A connection ends with its script,
/// whether that returns or throws. The server ends with its last reference.
final class ScriptedServer: Sendable {
    typealias Script = @Sendable (ServerConnection) throws -> Void

    let port: UInt16
    private let core: Core
    private let acceptor: BlockingThread

    /// `identity` makes it a TLS server.
    init(
        _ identity: ServerIdentity? = nil,
        beforeHandshake: @escaping @Sendable (_ index: Int) -> Void = { _ in },
        script: @escaping Script
    ) throws {
        let core = Core(listener: socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
        port = try core.listen()
        self.core = core
        acceptor = BlockingThread { core.acceptConnections(identity, beforeHandshake, script) }
    }

    deinit {
        core.stop(acceptor)
    }

    /// How many connections were accepted so far.
    var accepted: Int { core.accepted }

    func url(_ path: String = "/", scheme: String = "http") -> String {
        "\(scheme)://127.0.0.1:\(port)\(path)"
    }

    /// A port where nothing listens: it was free a moment ago, and the kernel does not hand it out again at once.
    static func unusedPort() throws -> UInt16 {
        try ScriptedServer { _ in }.port
    }
}

private final class Core: Sendable {
    private struct State {
        var sockets: [Socket] = []
        var threads: [BlockingThread] = []
        var isStopped = false
    }

    private let listener: Int32
    private let state = Mutex(State())

    init(listener: Int32) {
        self.listener = listener
    }

    var accepted: Int { state.withLock { $0.sockets.count } }

    func listen() throws -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutableBytes(of: &address) { bytes -> Int32 in
            guard let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress else { return -1 }
            return bind(listener, address, length) | Glibc.listen(listener, 1024)
                | getsockname(listener, address, &length)
        }
        guard status == 0 else { throw ChannelError(errno: errno) }
        return UInt16(bigEndian: address.sin_port)
    }

    func acceptConnections(
        _ identity: ServerIdentity?,
        _ beforeHandshake: @escaping @Sendable (Int) -> Void,
        _ script: @escaping ScriptedServer.Script
    ) {
        while true {
            let descriptor = accept(listener, nil, nil)
            guard descriptor >= 0 else { return }
            let socket = Socket(descriptor: descriptor)
            state.withLock { state in
                guard !state.isStopped else { return }
                let index = state.sockets.count
                state.sockets.append(socket)
                state.threads.append(
                    BlockingThread {
                        defer { socket.close() }
                        beforeHandshake(index)
                        guard let channel = openChannel(on: socket, identity) else { return }
                        try? script(ServerConnection(index: index, channel: channel, socket: socket))
                    }
                )
            }
        }
    }

    func stop(_ acceptor: BlockingThread) {
        state.withLock { $0.isStopped = true }
        shutdown(listener, Int32(SHUT_RDWR))
        acceptor.join()
        close(listener)
        let (sockets, threads) = state.withLock { ($0.sockets, $0.threads) }
        sockets.forEach { $0.interrupt() }
        threads.forEach { $0.join() }
    }
}

private func openChannel(on socket: Socket, _ identity: ServerIdentity?) -> (any ByteChannel)? {
    guard let identity else { return socket }
    return TLSChannel(socket, identity)
}
