/// An IPv4 or IPv6 address. IPv6 zones and IPv4 addresses written inside IPv6 ones are refused, as Kubernetes does.
public struct IPAddress: Sendable, Hashable {
    /// 4 or 16 bytes.
    let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads dotted decimals or RFC 4291 hexadecimals. Nil for anything else.
    public init?(_ text: String) {
        guard let bytes = text.utf8.contains(UInt8(ascii: ":")) ? Self.six(text) : Self.four(text) else { return nil }
        self.bytes = bytes
    }

    private static func four(_ text: String) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            // Leading zeros could be meant as octal.
            guard part.utf8.allSatisfy(\.isDigit), part == "0" || !part.hasPrefix("0"), let byte = UInt8(part) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }

    private static func six(_ text: String) -> [UInt8]? {
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        switch halves.count {
        case 1:
            guard let groups = groups(halves[0]), groups.count == 8 else { return nil }
            return bytes(groups)
        case 2:
            guard let first = groups(halves[0]), let last = groups(halves[1]), first.count + last.count < 8 else {
                return nil
            }
            return bytes(first + Array(repeating: 0, count: 8 - first.count - last.count) + last)
        default: return nil
        }
    }

    private static func bytes(_ groups: [UInt16]) -> [UInt8] { groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } }

    private static func groups(_ text: Substring) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        for part in text.split(separator: ":", omittingEmptySubsequences: false) {
            guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ $0.hexDigit != nil }),
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups
    }

    /// 4 or 6.
    var family: Int64 { bytes.count == 4 ? 4 : 6 }

    /// The IPv4 address that an address ::ffff:0:0/96 stands for; other addresses as they are.
    var unmapped: IPAddress {
        let prefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        return bytes.count == 16 && bytes.starts(with: prefix) ? IPAddress(bytes: Array(bytes.suffix(4))) : self
    }

    var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    var isLoopback: Bool {
        let address = unmapped.bytes
        return address.count == 4 ? address[0] == 127 : address.dropLast().allSatisfy { $0 == 0 } && address[15] == 1
    }

    private var isMulticast: Bool {
        let address = unmapped.bytes
        return address.count == 4 ? address[0] & 0xF0 == 0xE0 : address[0] == 0xFF
    }

    var isLinkLocalMulticast: Bool {
        let address = unmapped.bytes
        return address.count == 4 ? address.starts(with: [224, 0, 0]) : address[0] == 0xFF && address[1] & 0x0F == 2
    }

    var isLinkLocalUnicast: Bool {
        let address = unmapped.bytes
        return address.count == 4 ? address.starts(with: [169, 254]) : address[0] == 0xFE && address[1] & 0xC0 == 0x80
    }

    /// Whether the address is for one receiver beyond the link; private addresses are.
    var isGlobalUnicast: Bool {
        let isBroadcast = bytes == [255, 255, 255, 255]
        return !isUnspecified && !isBroadcast && !isLoopback && !isMulticast && !isLinkLocalUnicast
    }
}

extension IPAddress: CustomStringConvertible {
    /// The canonical form (RFC 5952 for IPv6).
    public var description: String {
        if bytes.count == 4 { return bytes.map { String($0) }.joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        // The first of the longest runs of at least two zeros becomes "::".
        var best = 0..<0
        var index = 0
        while index < 8 {
            let start = index
            while index < 8, groups[index] == 0 { index += 1 }
            if index - start > max(best.count, 1) { best = start..<index }
            index += 1
        }
        func text(_ groups: some Sequence<UInt16>) -> String {
            groups.map { String($0, radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? text(groups) : text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }
}

/// A range of addresses: an address and how many of its leading bits matter.
public struct CIDR: Sendable, Hashable {
    let address: IPAddress
    let prefixLength: Int

    init(_ address: IPAddress, _ prefixLength: Int) {
        self.address = address
        self.prefixLength = prefixLength
    }

    /// Reads `192.168.0.0/24`. Nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), parts[1].utf8.allSatisfy(\.isDigit),
            parts[1] == "0" || !parts[1].hasPrefix("0"), let length = Int(parts[1]), length <= address.bytes.count * 8
        else { return nil }
        self.init(address, length)
    }

    /// The range's first address with the same length.
    var masked: CIDR {
        var bytes = address.bytes
        for index in bytes.indices {
            let bits = max(0, min(8, prefixLength - index * 8))
            bytes[index] &= UInt8(truncatingIfNeeded: 0xFF00 >> bits)
        }
        return CIDR(IPAddress(bytes: bytes), prefixLength)
    }

    func contains(_ other: IPAddress) -> Bool {
        other.bytes.count == address.bytes.count && CIDR(other, prefixLength).masked.address == masked.address
    }

    func contains(_ other: CIDR) -> Bool { other.prefixLength >= prefixLength && contains(other.address) }
}

extension CIDR: CustomStringConvertible {
    /// `192.168.0.0/24`
    public var description: String { "\(address)/\(prefixLength)" }
}
