/// `host`, `host:port`, `[IPv6]` or `[IPv6]:port`, before it is known which port is the default.
struct RedisAddressText {
    let host: String
    let port: Int?

    /// Port 6379, or 6380 with TLS, where none is written.
    func endpoint(withTLS usesTLS: Bool) -> RedisEndpoint {
        RedisEndpoint(host: host, port: port ?? (usesTLS ? 6380 : 6379))
    }

    /// - Parameter number: The position in the list from 1, because errors must not repeat the text.
    init(_ text: Substring, number: Int) throws(RedisConfigurationError) {
        func failure(_ problem: String) -> RedisConfigurationError {
            RedisConfigurationError(option: "endpoint", problem: "endpoint \(number): \(problem)")
        }
        let portText: Substring?
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { throw failure("the bracket of the IPv6 address is open.") }
            host = String(text[text.index(after: text.startIndex)..<end])
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { throw failure("only a port may follow the IPv6 address.") }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = text.firstIndex(of: ":"), text[text.index(after: colon)...].contains(":") {
            // Two colons and no brackets: a bare IPv6 address, which leaves no room for a port.
            host = String(text)
            portText = nil
        } else {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            host = String(parts[0].trimmingBlanks())
            portText = parts.count == 2 ? parts[1] : nil
        }
        guard !host.isEmpty else { throw failure("the host is empty; expected host:port.") }
        guard host.utf8.count <= 253, host.utf8.allSatisfy(host.contains(":") ? Self.isInIPv6 : Self.isInName) else {
            throw failure(
                "the host is neither a name nor an IP address. User and password belong into options or into the form "
                    + "redis://user:password@host:port, where special characters are percent-encoded."
            )
        }
        guard let portText else {
            port = nil
            return
        }
        guard let number = Int(portText.trimmingBlanks()), (1...65535).contains(number) else {
            throw failure("the port is not a number from 1 to 65535.")
        }
        port = number
    }

    /// Letters, digits, hyphen, dot; the underscore because container networks use it in names.
    private static func isInName(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
    }

    /// An IPv6 address, with an embedded IPv4 address or a zone (RFC 4291, RFC 4007).
    private static func isInIPv6(_ byte: UInt8) -> Bool {
        isInName(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%")
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }
}
