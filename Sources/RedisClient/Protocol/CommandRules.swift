/// Which commands may not go over the one connection everybody shares.
///
/// Redis reads only the first word for most of these, so looking them up is one dictionary access per command.
enum CommandRules {
    private enum Rule {
        /// Never: replies would no longer match commands, or one caller would change what another sees.
        case unfit(String)
        /// Only with `allowAdmin`: changes or stops the server, or loads it out of proportion.
        case administrative
        /// `CLIENT`: reading is free, `REPLY` and `TRACKING` are unfit, the rest is administrative.
        case client
        /// `XREAD` and `XREADGROUP`: unfit with `BLOCK`.
        case stream
    }

    private static let changesProtocol = "it changes what replies the shared connection gets."
    private static let changesSession = "it changes a connection that others share; the configuration sets it."
    private static let isTransaction = "transactions of several callers would mix on a shared connection; use a script."
    private static let blocks = "it blocks the connection for everybody who shares it; ask repeatedly instead."

    private static let rules: [String: Rule] = {
        var rules: [String: Rule] = ["CLIENT": .client, "XREAD": .stream, "XREADGROUP": .stream]
        func add(_ rule: Rule, _ names: [String]) { for name in names { rules[name] = rule } }
        add(
            .unfit(changesProtocol),
            ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"]
                + ["MONITOR", "HELLO", "SYNC", "PSYNC", "RESET", "QUIT"]
        )
        add(.unfit(changesSession), ["AUTH", "SELECT", "READONLY", "READWRITE", "ASKING"])
        add(.unfit(isTransaction), ["MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"])
        add(.unfit(blocks), ["BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"])
        add(
            .unfit("it counts the writes of its own connection; use send(_:waitingFor:timeout:)."),
            ["WAIT", "WAITAOF"]
        )
        add(
            .administrative,
            ["ACL", "BGREWRITEAOF", "BGSAVE", "CONFIG", "DEBUG", "FAILOVER", "FLUSHALL", "FLUSHDB", "KEYS"]
                + ["MIGRATE", "MODULE", "REPLICAOF", "SAVE", "SHUTDOWN", "SLAVEOF", "SWAPDB"]
        )
        return rules
    }()

    /// Throws ``RedisError/refused(command:reason:)`` for a command that must not be sent.
    static func check(_ arguments: [RedisArgument], allowAdmin: Bool) throws(RedisError) {
        guard let first = arguments.first else { throw .refused(command: "(none)", reason: "a command needs a name.") }
        let name = CommandName(first).text
        guard let rule = rules[name] else { return }
        switch rule {
        case .unfit(let reason): throw .refused(command: name, reason: reason)
        case .administrative: try require(allowAdmin, name)
        case .client:
            let subcommand = arguments.dropFirst().first.map { CommandName($0).text } ?? ""
            switch subcommand {
            case "LIST", "INFO", "ID", "GETNAME", "HELP": return
            case "REPLY", "TRACKING", "CACHING":
                throw .refused(command: "\(name) \(subcommand)", reason: changesProtocol)
            default: try require(allowAdmin, "\(name) \(subcommand)")
            }
        case .stream:
            let options = arguments.lazy.map { CommandName($0).text }.prefix { $0 != "STREAMS" }
            if options.contains("BLOCK") { throw .refused(command: "\(name) BLOCK", reason: blocks) }
        }
    }

    private static func require(_ allowAdmin: Bool, _ command: String) throws(RedisError) {
        if allowAdmin { return }
        throw .refused(
            command: command,
            reason: "it is an administrative command; set allowAdmin=true in the connection string to allow it."
        )
    }
}
