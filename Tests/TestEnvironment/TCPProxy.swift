import Glibc
import Synchronization

/// Passes bytes on between clients and one server on 127.0.0.1, and can cut them off from each other.
///
/// A cut is a network that swallows everything: connections stay open and nothing arrives.
public final class TCPProxy: Sendable {
    /// Where clients connect.
    public let port: Int
    private let target: Int
    private let listener: Int32
    private let wake: (read: Int32, write: Int32)
    private let isCut = Mutex(false)
    private let isStopped = Mutex(false)

    /// Starts to listen on a free port.
    /// - Parameter target: the server's port.
    public init(to target: Int) throws {
        self.target = target
        port = try FreePort.find()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw ChildProcess.Failure(description: "no pipe: \(errno)") }
        wake = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        guard Self.withAddress(port, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
            throw ChildProcess.Failure(description: "cannot listen on port \(port): \(errno)")
        }
        var thread = pthread_t()
        let box = Unmanaged.passRetained(self)
        let status = pthread_create(
            &thread,
            nil,
            { context in
                if let context { Unmanaged<TCPProxy>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            },
            box.toOpaque()
        )
        guard status == 0 else {
            box.release()
            throw ChildProcess.Failure(description: "no thread: \(status)")
        }
        pthread_detach(thread)
    }

    /// Nothing passes until `mend`.
    public func cut() {
        isCut.withLock { $0 = true }
        poke()
    }

    /// Passes on what was held back, and what follows.
    public func mend() {
        isCut.withLock { $0 = false }
        poke()
    }

    /// Closes everything.
    public func stop() {
        isStopped.withLock { $0 = true }
        poke()
    }

    private func poke() {
        var byte: UInt8 = 0
        _ = write(wake.write, &byte, 1)
    }

    private struct Pair {
        let client: Int32
        let server: Int32
        /// What each side has said and the other has not been told.
        var fromClient: [UInt8] = []
        var fromServer: [UInt8] = []
    }

    private func run() {
        var pairs: [Pair] = []
        while !isStopped.withLock({ $0 }) {
            let isCut = isCut.withLock { $0 }
            var descriptors = [
                pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0),
            ]
            for pair in pairs {
                descriptors.append(Self.interest(pair.client, isCut, reads: pair.fromClient, writes: pair.fromServer))
                descriptors.append(Self.interest(pair.server, isCut, reads: pair.fromServer, writes: pair.fromClient))
            }
            poll(&descriptors, nfds_t(descriptors.count), -1)
            if descriptors[1].revents != 0 {
                var scratch = [UInt8](repeating: 0, count: 64)
                _ = read(wake.read, &scratch, scratch.count)
                continue
            }
            if !isCut {
                var open: [Pair] = []
                for (index, var pair) in pairs.enumerated() {
                    let sides = (descriptors[2 + 2 * index].revents, descriptors[3 + 2 * index].revents)
                    if Self.pass(&pair, sides) {
                        open.append(pair)
                    } else {
                        close(pair.client)
                        close(pair.server)
                    }
                }
                pairs = open
            }
            if descriptors[0].revents != 0, let pair = accept() { pairs.append(pair) }
        }
        for pair in pairs {
            close(pair.client)
            close(pair.server)
        }
        for descriptor in [listener, wake.read, wake.write] { close(descriptor) }
    }

    private static let buffered = 256 << 10

    private static func interest(_ descriptor: Int32, _ isCut: Bool, reads: [UInt8], writes: [UInt8]) -> pollfd {
        var events: Int16 = 0
        if !isCut, reads.count < buffered { events |= Int16(POLLIN) }
        if !isCut, !writes.isEmpty { events |= Int16(POLLOUT) }
        // A negative descriptor is left alone, even when its peer is gone.
        return pollfd(fd: isCut ? -1 : descriptor, events: events, revents: 0)
    }

    /// False when one side is gone.
    private static func pass(_ pair: inout Pair, _ sides: (client: Int16, server: Int16)) -> Bool {
        if sides.client & ~Int16(POLLOUT) != 0, !take(from: pair.client, into: &pair.fromClient) { return false }
        if sides.server & ~Int16(POLLOUT) != 0, !take(from: pair.server, into: &pair.fromServer) { return false }
        return give(&pair.fromClient, to: pair.server) && give(&pair.fromServer, to: pair.client)
    }

    private static func take(from descriptor: Int32, into buffer: inout [UInt8]) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(descriptor, &bytes, bytes.count)
        if count < 0 { return errno == EAGAIN || errno == EINTR }
        buffer += bytes.prefix(count)
        return count > 0
    }

    private static func give(_ buffer: inout [UInt8], to descriptor: Int32) -> Bool {
        guard !buffer.isEmpty else { return true }
        let count = send(descriptor, buffer, buffer.count, Int32(MSG_NOSIGNAL))
        if count < 0 { return errno == EAGAIN || errno == EINTR }
        buffer.removeFirst(count)
        return true
    }

    private func accept() -> Pair? {
        let client = Glibc.accept(listener, nil, nil)
        guard client >= 0 else { return nil }
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard Self.withAddress(target, { connect(server, $0, $1) }) == 0 else {
            close(client)
            close(server)
            return nil
        }
        for descriptor in [client, server] {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        }
        return Pair(client: client, server: server)
    }

    private static func withAddress(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = UInt16(port).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                body(address, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
