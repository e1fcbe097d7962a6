/// The little of HTTP/2 a scripted server needs: frames in and out, no header compression.
package final class HTTP2ServerConnection {
    package struct Frame {
        package enum Kind: UInt8 {
            case data, headers, priority, reset, settings, push, ping, goAway, windowUpdate, continuation
        }

        package let kind: Kind?
        package let flags: UInt8
        package let stream: UInt32
        package let payload: [UInt8]
    }

    private let connection: ServerConnection
    private static let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    /// Reads the preface and exchanges settings.
    package init(_ connection: ServerConnection) throws {
        self.connection = connection
        let preface = try connection.read(count: Self.preface.utf8.count)
        guard preface.elementsEqual(Self.preface.utf8) else { throw ServerConnection.Closed() }
        try send(.settings)
    }

    /// The next frame that is not about the connection itself.
    package func nextFrame() throws -> Frame {
        while true {
            let head = try connection.read(count: 9)
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            let stream = head[5...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
            let frame = Frame(
                kind: Frame.Kind(rawValue: head[3]),
                flags: head[4],
                stream: stream,
                payload: try connection.read(count: length)
            )
            switch frame.kind {
            case .settings: if frame.flags & 1 == 0 { try send(.settings, flags: 1) }
            case .ping: if frame.flags & 1 == 0 { try send(.ping, flags: 1, payload: frame.payload) }
            case .windowUpdate, .priority: break
            default: return frame
            }
        }
    }

    /// The number of the next stream the client opens; its header block is taken to fit in one frame.
    package func nextRequest() throws -> UInt32 {
        while true {
            let frame = try nextFrame()
            if frame.kind == .headers { return frame.stream }
        }
    }

    /// Status 200 without fields, in HPACK's static table.
    package func sendHead(on stream: UInt32) throws {
        try send(.headers, flags: 0x4, stream: stream, payload: [0x88])
    }

    package func sendData(_ bytes: [UInt8], on stream: UInt32, isLast: Bool) throws {
        try send(.data, flags: isLast ? 1 : 0, stream: stream, payload: bytes)
    }

    package func respond(_ body: String, on stream: UInt32) throws {
        try sendHead(on: stream)
        try sendData(Array(body.utf8), on: stream, isLast: true)
    }

    /// Asks the client to take another connection: streams up to `last` are still answered, later ones never begin.
    package func sendGoAway(last: UInt32) throws {
        let last = (0..<4).map { UInt8(truncatingIfNeeded: last >> (24 - 8 * $0)) }
        let noError: [UInt8] = [0, 0, 0, 0]
        try send(.goAway, payload: last + noError)
    }

    /// Ends the connection in the middle of whatever goes on, but lets all that was sent arrive.
    package func cut() {
        connection.socket.endWriting()
        connection.awaitClose()
    }

    private func send(_ kind: Frame.Kind, flags: UInt8 = 0, stream: UInt32 = 0, payload: [UInt8] = []) throws {
        let length = payload.count
        let head = [UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), kind.rawValue, flags]
        let number = (0..<4).map { UInt8(truncatingIfNeeded: stream >> (24 - 8 * $0)) }
        try connection.channel.write(head + number + payload)
    }
}
