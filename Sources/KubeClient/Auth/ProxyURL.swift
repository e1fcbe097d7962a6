/// The URL of a proxy, in the form that the transport takes.
struct ProxyURL: Hashable {
    /// With the port, since libcurl's default is 1080 for all, and with `socks5h` for `socks5`: by Kubernetes' rules
    /// the proxy looks up the name (Go `net/http`, which hands names to SOCKS proxies).
    let text: String

    /// nil when the scheme is not `http`, `https`, `socks5` or `socks5h`, or there is no host.
    init?(_ url: String) {
        let defaults: [String: UInt16] = ["http": 80, "https": 443, "socks5": 1080, "socks5h": 1080]
        guard let address = ServerAddress(url), let port = defaults[address.scheme] else { return nil }
        let scheme = address.scheme == "socks5" ? "socks5h" : address.scheme
        let userInfo = address.userInfo.map { "\($0)@" } ?? ""
        let host = address.host.contains(":") ? "[\(address.host)]" : address.host
        text = "\(scheme)://\(userInfo)\(host):\(address.port ?? port)"
    }
}
