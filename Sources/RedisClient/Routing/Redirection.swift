/// An error reply that says where, or when, a command belongs. In all cases it has not been executed.
enum Redirection: Hashable {
    /// The slot has another owner now.
    case moved(slot: Int, RedisEndpoint)
    /// This once, after `ASKING`, another node: the slot is on its way there.
    case ask(RedisEndpoint)
    /// Soon, at the same place: the server loads, or a slot is on its way and some of the keys have arrived.
    case tryAgain
    /// The map of the cluster may be out of date, or the cluster not whole.
    case lost
    /// The server has become a replica.
    case readOnly

    /// - Parameter server: Who said it; a redirection without a host means the same host.
    init?(_ error: RedisReplyError, from server: RedisEndpoint) {
        switch error.code {
        case "MOVED", "ASK":
            let words = error.message.split(separator: " ")
            guard words.count >= 3, let slot = Int(words[1]), (0..<HashSlot.count).contains(slot),
                let colon = words[2].lastIndex(of: ":"), let port = Int(words[2][words[2].index(after: colon)...]),
                (1...65535).contains(port)
            else { return nil }
            let host = words[2][..<colon]
            let endpoint = RedisEndpoint(host: host.isEmpty || host == "?" ? server.host : String(host), port: port)
            self = error.code == "MOVED" ? .moved(slot: slot, endpoint) : .ask(endpoint)
        case "TRYAGAIN", "LOADING": self = .tryAgain
        case "CLUSTERDOWN", "MASTERDOWN": self = .lost
        case "READONLY": self = .readOnly
        default: return nil
        }
    }
}
