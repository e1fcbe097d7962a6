/// Keeps requests off connections that stopped answering.
///
/// After a timeout on HTTP/1.1, libcurl closes the connection. On HTTP/2 it resets the stream and keeps the connection:
/// the next request would go into the same black hole. libcurl cannot be told to retire a connection in use, but it
/// uses one again only for requests with the same TLS settings. So each request to a host carries the host's current
/// generation in a setting that is otherwise without effect (see `EasyHandle.configure`): once the generation has
/// changed, no new request matches the old connection, while those still on it may end in peace.
struct ConnectionGenerations {
    /// Hosts with a generation of their own. Beyond it all hosts start over together.
    static let capacity = 1024

    private var last = 0
    /// The generation of hosts that never needed one of their own. 0 until `capacity` is first exceeded.
    private var common = 0
    private var byOrigin: [String: Int] = [:]

    /// The generation for requests to that origin.
    func current(of origin: String) -> Int {
        byOrigin.isEmpty ? common : byOrigin[origin] ?? common
    }

    /// A generation no other request has, for a connection that is not to be shared.
    mutating func unique() -> Int {
        last += 1
        return last
    }

    /// New requests to that origin get a new connection. Several requests that time out on one connection count once:
    /// only the first still has the current generation.
    mutating func retire(_ generation: Int, of origin: String) {
        guard current(of: origin) == generation else { return }
        if byOrigin.count >= Self.capacity {
            byOrigin.removeAll()
            common = unique()
        }
        byOrigin[origin] = unique()
    }
}
