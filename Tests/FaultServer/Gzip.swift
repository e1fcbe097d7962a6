/// The gzip format without compression (RFC 1952 around the stored blocks of RFC 1951): enough for a client to decode.
package enum Gzip {
    package static func wrapped(_ bytes: [UInt8]) -> [UInt8] {
        let deflate: UInt8 = 8
        let unknownSystem: UInt8 = 255
        var result: [UInt8] = [0x1F, 0x8B, deflate, 0, 0, 0, 0, 0, 0, unknownSystem]
        var rest = bytes[...]
        repeat {
            let block = rest.prefix(0xFFFF)
            rest = rest.dropFirst(block.count)
            let length = UInt16(block.count)
            result.append(rest.isEmpty ? 1 : 0)
            append(length, to: &result)
            append(~length, to: &result)
            result += block
        } while !rest.isEmpty
        append(checksum(bytes), to: &result)
        append(UInt32(truncatingIfNeeded: bytes.count), to: &result)
        return result
    }

    private static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
    }

    /// CRC-32 with the reflected polynomial of RFC 1952, section 8.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { checksum, byte in
            table[Int((checksum ^ UInt32(byte)) & 0xFF)] ^ (checksum >> 8)
        }
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }
}
