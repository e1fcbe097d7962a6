import Glibc

/// A TCP socket that never blocks. Not thread-safe; closes with its last reference.
final class RedisSocket {
    let fileDescriptor: Int32

    /// Starts connecting. The socket becomes writable once that has succeeded or failed; then ask
    /// ``finishConnecting()``.
    init(connectingTo address: SocketAddress) throws(SystemError) {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        fileDescriptor = socket(address.family, type, 0)
        if fileDescriptor < 0 { throw SystemError("socket") }
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        // Small commands must not wait for the acknowledgement of the ones before.
        setsockopt(fileDescriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
        setsockopt(fileDescriptor, SOL_SOCKET, SO_KEEPALIVE, &on, size)
        let result = address.withSockaddr { connect(fileDescriptor, $0, $1) }
        // Interrupted, it goes on in the background as with EINPROGRESS (connect(2)).
        if result != 0, errno != EINPROGRESS, errno != EINTR { throw SystemError("connect") }
    }

    deinit {
        close(fileDescriptor)
    }

    /// Throws why connecting failed. Only meaningful once the socket is writable.
    func finishConnecting() throws(SystemError) {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(fileDescriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else {
            throw SystemError("getsockopt")
        }
        if code != 0 { throw SystemError("connect", code) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(TransferFailure) -> Transfer {
        while true {
            let count = send(fileDescriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .moved(count) }
            if errno == EAGAIN || errno == EWOULDBLOCK { return .wouldBlock }
            if errno != EINTR { throw TransferFailure(SystemError("send")) }
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(TransferFailure) -> Transfer {
        while true {
            let count = recv(fileDescriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .moved(count) }
            if count == 0 { return .ended }
            if errno == EAGAIN || errno == EWOULDBLOCK { return .wouldBlock }
            if errno != EINTR { throw TransferFailure(SystemError("recv")) }
        }
    }
}
