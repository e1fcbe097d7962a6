/// What distinguishes one connection to a server from another.
struct ConnectionRole: Sendable {
    /// What the owner knows it by.
    var number = 0
    /// Whether its log lines are for people, or at debug level.
    var isProminent = false
    /// Whether unsent commands wait for the next attempt until their time is up. If not they are given back to the
    /// owner, who may know another connection or another server.
    var keepsWaiting = true
    /// Whether there is another attempt after a failure.
    var reconnects = true
    /// After so long without a command the connection ends, if its owner agrees.
    var idleLimit: Duration?
    /// Hears of each state, on the connection's thread.
    var publish: (@Sendable (RedisConnectionState) -> Void)?
}

/// Whoever has connections. Called on the connection's thread, which must not be kept waiting.
protocol ConnectionOwner: AnyObject, Sendable {
    /// The connection can be used.
    func isUp(_ number: Int)
    /// The connection was lost, or an attempt has failed.
    func failed(_ number: Int, _ failure: RedisConnectionFailure)
    /// Commands that have not been sent and will not be, by this connection.
    func takeBack(_ unsent: [PendingCommand], from number: Int, because failure: RedisConnectionFailure)
    /// Commands of this weight, taken together, have left the connection.
    func settled(_ weight: Int, by number: Int)
    /// Whether an idle connection may end. After a yes the owner gives it nothing more to do.
    func mayRetire(_ number: Int) -> Bool
}

/// Lets a thread know its connection's owner without keeping it.
struct WeakOwner: Sendable {
    private(set) weak var object: (any ConnectionOwner)?

    init(_ object: (any ConnectionOwner)?) {
        self.object = object
    }
}
