/// One command on its way: its bytes, how long it may take, and whoever waits for the reply.
final class PendingCommand: Sendable {
    let bytes: CommandBytes
    /// Goes directly before it, on the same connection; its reply is dropped. `ASKING`.
    let prefix: CommandBytes?
    /// Goes directly after it, on the same connection. `WAIT`. The reply is then an array: the command's, and this one's.
    let suffix: CommandBytes?
    let deadline: ContinuousClock.Instant
    /// How much of a connection's pipeline it takes.
    let weight: Int
    let reply = Promise<RedisValue>()

    init(
        _ bytes: CommandBytes,
        prefix: CommandBytes? = nil,
        suffix: CommandBytes? = nil,
        weight: Int = 1,
        deadline: ContinuousClock.Instant
    ) {
        self.bytes = bytes
        self.prefix = prefix
        self.suffix = suffix
        self.weight = weight
        self.deadline = deadline
    }

    var replyCount: Int { 1 + (prefix == nil ? 0 : 1) + (suffix == nil ? 0 : 1) }

    /// Decides by all the replies, those to prefix and suffix included.
    func decide(_ replies: [RedisValue]) {
        let own = replies[prefix == nil ? 0 : 1]
        if case .error(let error) = own {
            reply.decide(.failure(.server(error)))
        } else if suffix != nil, let last = replies.last {
            reply.decide(.success(.array([own, last])))
        } else {
            reply.decide(.success(own))
        }
    }

    /// The name, for error texts.
    var name: String { bytes.name }
}

extension CommandBytes {
    /// The command's name, read back from `*3\r\n$3\r\nSET\r\n…`.
    var name: String {
        withBytes { bytes in
            let lines = bytes.prefix(96).split(separator: UInt8(ascii: "\n"), maxSplits: 3)
            guard lines.count >= 3 else { return "command" }
            let name = lines[2].prefix(32).prefix { $0 != UInt8(ascii: "\r") }
            return String(decoding: name, as: UTF8.self).uppercased()
        }
    }
}
