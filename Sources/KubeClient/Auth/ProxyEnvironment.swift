/// Which proxy the variables of an environment want for a server, by the rules of Go programs (golang.org/x/net
/// `http/httpproxy`), which kubectl follows too.
///
/// - `HTTPS_PROXY` or `https_proxy` is for `https` servers, `HTTP_PROXY` or `http_proxy` for `http` ones; `ALL_PROXY`
///   is nobody's. A value without a scheme is an HTTP proxy.
/// - `localhost` and loopback addresses are reached directly.
/// - `NO_PROXY` or `no_proxy` lists, with commas, what else is: `*` (everything), `10.0.0.0/8`, `10.1.2.3`,
///   `example.com` (with all names below it), `.example.com` or `*.example.com` (only those below), each but a network
///   with `:port` behind it if only that port is meant. Names are not looked up.
struct ProxyEnvironment {
    private let variables: [String: String]

    init(_ variables: [String: String]) { self.variables = variables }

    /// nil when the server is to be reached directly.
    func proxy(for server: String) throws(ConfigurationError) -> String? {
        guard let address = ServerAddress(server) else { return nil }
        let name = address.scheme == "https" ? "HTTPS_PROXY" : "HTTP_PROXY"
        guard let value = value(name), !bypasses(address) else { return nil }
        let url = value.contains("://") ? value : "http://\(value)"
        if ProxyURL(url) != nil { return url }
        throw ConfigurationError("\(name) must be a URL of scheme http, https or socks5, or host:port")
    }

    private func value(_ name: String) -> String? {
        [name, name.lowercased()].lazy.compactMap { variables[$0] }.first { !$0.isEmpty }
    }

    private func bypasses(_ address: ServerAddress) -> Bool {
        let bytes = ServerAddress.addressBytes(address.host)
        if address.host == "localhost" || bytes.map(Self.isLoopback) == true { return true }
        let port = String(address.port ?? (address.scheme == "https" ? 443 : 80))
        return (value("NO_PROXY") ?? "").split(separator: ",").contains { entry in
            Self.matches(entry.lowercased().trimmingBlanks(), address.host, bytes, port)
        }
    }

    private static func isLoopback(_ bytes: [UInt8]) -> Bool {
        bytes.count == 4 ? bytes[0] == 127 : bytes == [UInt8](repeating: 0, count: 15) + [1]
    }

    private static func matches(_ entry: String, _ host: String, _ bytes: [UInt8]?, _ port: String) -> Bool {
        if entry == "*" { return true }
        if let slash = entry.firstIndex(of: "/"), let network = ServerAddress.addressBytes(entry[..<slash]),
            let length = Int(entry[entry.index(after: slash)...]), (0...network.count * 8).contains(length)
        {
            return bytes.map { isWithin($0, network, length) } ?? false
        }
        var name = entry[...]
        // More than one colon and no brackets: an IPv6 address, which has no port then.
        if let (entryHost, entryPort) = ServerAddress.split(name) {
            guard entryPort.isEmpty || entryPort == port else { return false }
            name = entryHost
        }
        guard !name.isEmpty else { return false }
        if let address = ServerAddress.addressBytes(name) { return address == bytes }
        if name.hasPrefix("*.") { name = name.dropFirst() }
        return name.hasPrefix(".") ? host.hasSuffix(name) : host == name || host.hasSuffix(".\(name)")
    }

    private static func isWithin(_ bytes: [UInt8], _ network: [UInt8], _ length: Int) -> Bool {
        guard bytes.count == network.count else { return false }
        return bytes.indices.allSatisfy { index in
            let bits = min(8, max(0, length - index * 8))
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
            return bytes[index] & mask == network[index] & mask
        }
    }
}
