/// Bytes waiting to be written, with their place in the whole stream of a connection.
struct OutputBuffer {
    private var bytes: [UInt8] = []
    private var head = 0
    /// How many bytes of this connection have been appended.
    private(set) var appended = 0
    /// How many bytes of this connection may be on their way to the server.
    private(set) var exposed = 0

    /// An idle buffer keeps at most this much memory.
    private static let keptCapacity = 1 << 20

    var count: Int { bytes.count - head }
    /// How many bytes of this connection the transport has taken.
    var accepted: Int { appended - count }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ command: CommandBytes) {
        command.withBytes { bytes.append(contentsOf: $0) }
        appended += command.count
    }

    /// Writes what the transport takes without blocking.
    mutating func flush(to transport: Transport) throws(TransferFailure) {
        while !isEmpty {
            let start = appended - count
            let portion = min(count, transport.longestWrite)
            if transport.exposesBytesBeforeAccepting { exposed = max(exposed, start + portion) }
            guard case .moved(let moved) = try write(portion, to: transport) else { break }
            head += moved
            exposed = max(exposed, start + moved)
        }
        if isEmpty {
            head = 0
            if bytes.capacity > Self.keptCapacity { bytes = [] } else { bytes.removeAll(keepingCapacity: true) }
        } else if head > count {
            // A connection that is never idle would keep all it has ever sent.
            bytes.removeFirst(head)
            head = 0
        }
    }

    private func write(_ portion: Int, to transport: Transport) throws(TransferFailure) -> Transfer {
        let result: Result<Transfer, TransferFailure> = bytes.withUnsafeBytes { bytes in
            Result { () throws(TransferFailure) in
                try transport.write(UnsafeRawBufferPointer(rebasing: bytes[head..<head + portion]))
            }
        }
        return try result.get()
    }
}
