import Glibc
import Synchronization

/// The server's end of a connection, blocking, used by one thread.
package protocol ByteChannel: AnyObject {
    /// Some bytes; empty at the end. Throws when the connection was reset.
    func read(upTo count: Int) throws -> [UInt8]
    func write(_ bytes: [UInt8]) throws
}

package struct ChannelError: Error {
    package let errno: Int32
}

/// A socket that its own thread reads, writes and closes, and that others may interrupt.
package final class Socket: ByteChannel, Sendable {
    private let descriptor: Mutex<Int32?>

    package init(descriptor: Int32) {
        // Otherwise two small writes in a row cost the 40 ms of a delayed acknowledgement.
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        self.descriptor = Mutex(descriptor)
    }

    deinit {
        close()
    }

    private var open: Int32 { descriptor.withLock { $0 } ?? -1 }

    /// For OpenSSL, which reads and writes it on the same thread.
    package var rawDescriptor: Int32 { open }

    package func read(upTo count: Int) throws -> [UInt8] {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let result = Glibc.read(open, buffer.baseAddress, count)
            failed = result < 0
            filled = max(0, result)
        }
        guard !failed else { throw ChannelError(errno: errno) }
        return bytes
    }

    package func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(open, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { throw ChannelError(errno: errno) }
            rest = rest.dropFirst(sent)
        }
    }

    /// Sends what fits without waiting longer than so many milliseconds; the count sent, 0 when the peer does not read.
    package func writeSome(_ bytes: [UInt8], waitingMilliseconds: Int32) -> Int {
        var poll = pollfd(fd: open, events: Int16(POLLOUT), revents: 0)
        guard Glibc.poll(&poll, 1, waitingMilliseconds) == 1 else { return 0 }
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        return max(0, bytes.withUnsafeBytes { Glibc.send(open, $0.baseAddress, $0.count, flags) })
    }

    /// Makes reads and writes of the owning thread fail. Callable from any thread.
    package func interrupt() {
        descriptor.withLock { if let socket = $0 { _ = shutdown(socket, Int32(SHUT_RDWR)) } }
    }

    /// Ends the server's side in order; the client's may go on.
    package func endWriting() {
        shutdown(open, Int32(SHUT_WR))
    }

    package func close() {
        descriptor.withLock { descriptor in
            if let socket = descriptor { _ = Glibc.close(socket) }
            descriptor = nil
        }
    }

    /// Ends the connection with a reset instead of an orderly close.
    package func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(open, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        close()
    }
}
