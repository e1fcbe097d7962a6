import Glibc

/// The way to the server: plain, or through TLS.
enum Transport {
    case plain(RedisSocket)
    case secure(TLSSession)

    var fileDescriptor: Int32 {
        switch self {
        case .plain(let socket): socket.fileDescriptor
        case .secure(let session): session.socket.fileDescriptor
        }
    }

    /// What to ask of `poll`, beside errors and hang-ups, which it always tells.
    func pollEvents(hasOutput: Bool) -> Int16 {
        let wantsWritable =
            switch self {
            case .plain: hasOutput
            case .secure(let session):
                hasOutput && !session.writingWaitsForReadable || session.readingWaitsForWritable
            }
        return Int16(POLLIN) | (wantsWritable ? Int16(POLLOUT) : 0)
    }

    /// A write that would block may have put bytes on the wire: TLS keeps what it has encrypted.
    var exposesBytesBeforeAccepting: Bool {
        switch self {
        case .plain: false
        case .secure: true
        }
    }

    /// In bytes. A TLS record holds at most 16 KiB (RFC 8446, section 5.1), and OpenSSL makes one at a time.
    var longestWrite: Int {
        switch self {
        case .plain: .max
        case .secure: 16 << 10
        }
    }

    /// A read that did not fill the buffer leaves nothing behind: true of TCP, but a TLS record ends where it ends.
    var isDrainedByShortRead: Bool {
        switch self {
        case .plain: true
        case .secure: false
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(TransferFailure) -> Transfer {
        switch self {
        case .plain(let socket): try socket.write(bytes)
        case .secure(let session): try session.write(bytes)
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(TransferFailure) -> Transfer {
        switch self {
        case .plain(let socket): try socket.read(into: buffer)
        case .secure(let session): try session.read(into: buffer)
        }
    }

    func sendCloseNotify() {
        if case .secure(let session) = self { session.sendCloseNotify() }
    }
}
