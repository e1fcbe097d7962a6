/// One command on its way: its bytes, how long it may take, and whoever waits for the reply.
final class PendingCommand: Sendable {
    let bytes: CommandBytes
    let deadline: ContinuousClock.Instant
    let reply = Promise<RedisValue>()

    init(_ bytes: CommandBytes, deadline: ContinuousClock.Instant) {
        self.bytes = bytes
        self.deadline = deadline
    }

    /// The name, for error texts, read back from `*3\r\n$3\r\nSET\r\n…`.
    var name: String {
        bytes.withBytes { bytes in
            let lines = bytes.prefix(96).split(separator: UInt8(ascii: "\n"), maxSplits: 3)
            guard lines.count >= 3 else { return "command" }
            let name = lines[2].prefix(32).prefix { $0 != UInt8(ascii: "\r") }
            return String(decoding: name, as: UTF8.self).uppercased()
        }
    }
}
