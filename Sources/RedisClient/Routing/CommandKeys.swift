/// Which node of a cluster a command is for.
enum CommandPlacement: Hashable {
    /// Whoever has the slot.
    case slot(Int)
    /// No key: any master will do.
    case anyMaster
}

/// Finds the keys of a command.
///
/// Nearly all commands have their first key as first argument; the table holds those that do not, and those with more
/// than one key (`redis.io`, "Key specifications").
enum CommandKeys {
    private enum Rule {
        /// No keys.
        case keyless
        /// From `first` on, at every `step`; one if `step` is 0.
        case at(first: Int, step: Int)
        /// The first two arguments.
        case pair
        /// At `index` stands how many follow. What stands before it, from 1 on, are keys as well.
        case counted(at: Int)
        /// At `index` stands how many follow; what stands before it are no keys.
        case scripted(at: Int)
        /// After the word `STREAMS`, in the first half of what follows.
        case streams
    }

    private static let rules: [String: Rule] = {
        var rules: [String: Rule] = ["XREAD": .streams, "XREADGROUP": .streams, "MIGRATE": .at(first: 3, step: 0)]
        func add(_ rule: Rule, _ names: [String]) { for name in names { rules[name] = rule } }
        add(
            .keyless,
            ["PING", "ECHO", "SCRIPT", "INFO", "DBSIZE", "TIME", "CLUSTER", "CLIENT", "COMMAND", "LASTSAVE", "ROLE"]
                + ["RANDOMKEY", "SCAN", "PUBLISH", "PUBSUB", "LATENCY", "SLOWLOG", "LOLWUT", "FUNCTION", "ACL", "KEYS"]
                + ["CONFIG", "FLUSHALL", "FLUSHDB", "SAVE", "BGSAVE", "BGREWRITEAOF", "SHUTDOWN", "SWAPDB", "MODULE"]
                + ["FAILOVER", "REPLICAOF", "SLAVEOF"]
        )
        add(
            .at(first: 1, step: 1),
            ["DEL", "UNLINK", "EXISTS", "TOUCH", "MGET", "SINTER", "SUNION", "SDIFF", "SINTERSTORE", "SUNIONSTORE"]
                + ["SDIFFSTORE", "PFCOUNT", "PFMERGE"]
        )
        add(.at(first: 1, step: 2), ["MSET", "MSETNX"])
        add(.at(first: 2, step: 1), ["BITOP"])
        add(.at(first: 2, step: 0), ["OBJECT", "XINFO", "XGROUP", "MEMORY", "DEBUG"])
        add(
            .pair,
            ["RENAME", "RENAMENX", "COPY", "SMOVE", "RPOPLPUSH", "LMOVE", "GEOSEARCHSTORE", "ZRANGESTORE", "LCS"]
        )
        add(.counted(at: 1), ["ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD", "SINTERCARD", "LMPOP", "ZMPOP"])
        add(.counted(at: 2), ["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"])
        add(.scripted(at: 2), ["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"])
        return rules
    }()

    /// Throws ``RedisError/refused(command:reason:)`` for keys of more than one slot.
    static func placement(of arguments: [RedisArgument]) throws(RedisError) -> CommandPlacement {
        var slot: Int?
        for index in keyIndices(of: arguments) where arguments.indices.contains(index) {
            let other = HashSlot.of(arguments[index])
            guard slot == nil || slot == other else {
                throw .refused(
                    command: CommandName(arguments[0]).text,
                    reason: "its keys lie in different slots of the cluster. Send one command per key, or keep keys "
                        + "together with a hash tag, as in {tag}name."
                )
            }
            slot = other
        }
        return slot.map { .slot($0) } ?? .anyMaster
    }

    private static func keyIndices(of arguments: [RedisArgument]) -> [Int] {
        guard let rule = rules[CommandName(arguments[0]).text] else { return [1] }
        switch rule {
        case .keyless: return []
        case .at(let first, step: 0): return [first]
        case .at(let first, let step): return Array(stride(from: first, to: arguments.count, by: step))
        case .pair: return [1, 2]
        case .counted(let index): return Array(1..<index) + counted(at: index, in: arguments)
        case .scripted(let index): return counted(at: index, in: arguments)
        case .streams:
            guard let word = arguments.firstIndex(where: { CommandName($0).text == "STREAMS" }) else { return [] }
            return Array(word + 1..<word + 1 + (arguments.count - word - 1) / 2)
        }
    }

    private static func counted(at index: Int, in arguments: [RedisArgument]) -> [Int] {
        guard arguments.indices.contains(index),
            let count = arguments[index].withBytes({ Int(String(decoding: $0.prefix(20), as: UTF8.self)) }),
            (1...arguments.count).contains(count)
        else { return [] }
        return Array(index + 1..<index + 1 + count)
    }
}
