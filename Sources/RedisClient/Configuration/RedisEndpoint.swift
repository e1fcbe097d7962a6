/// Where one Redis server listens.
public struct RedisEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// A host name or an IP address, without brackets.
    public var host: String
    /// A TCP port.
    public var port: Int

    /// An endpoint. Without TLS Redis listens on 6379 by convention, with TLS on 6380.
    public init(host: String, port: Int = 6379) {
        self.host = host
        self.port = port
    }

    /// `host:port`, with brackets around an IPv6 address.
    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
