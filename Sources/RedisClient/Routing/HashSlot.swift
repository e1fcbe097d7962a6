/// Where in a Redis Cluster a key lies: one of 16384 slots, each of which some node has.
///
/// CRC16 of the key, or of what stands between the first `{` and the next `}` if that is not nothing, so that keys can
/// be kept together (Redis Cluster specification, "Key distribution model" and "Hash tags").
enum HashSlot {
    static let count = 16_384

    static func of(_ key: RedisArgument) -> Int {
        key.withBytes { key in
            var hashed = key[...]
            if let open = key.firstIndex(of: UInt8(ascii: "{")) {
                let rest = key[(open + 1)...]
                if let close = rest.firstIndex(of: UInt8(ascii: "}")), close > open + 1 { hashed = rest[..<close] }
            }
            return Int(crc16(hashed)) % count
        }
    }

    /// CRC-16/XMODEM: polynomial 0x1021, started with zero, nothing reflected.
    static func crc16(_ bytes: some Sequence<UInt8>) -> UInt16 {
        bytes.reduce(0) { crc, byte in crc << 8 ^ table[Int(UInt8(crc >> 8) ^ byte)] }
    }

    private static let table: [UInt16] = (0..<256).map { byte in
        (0..<8).reduce(UInt16(byte) << 8) { crc, _ in crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
    }
}
