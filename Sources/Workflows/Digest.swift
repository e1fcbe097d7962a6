internal import COpenSSL

/// Cryptographic digests as lower-case hexadecimal, by OpenSSL.
public enum Digest {
    /// 64 digits.
    public static func sha256(_ bytes: [UInt8]) -> String { hex(bytes, EVP_sha256()) }

    /// 40 digits. Not for security: it is what Redis scripts can compute, and tells one document from another.
    public static func sha1(_ bytes: [UInt8]) -> String { hex(bytes, EVP_sha1()) }

    private static func hex(_ bytes: [UInt8], _ algorithm: OpaquePointer?) -> String {
        var size: UInt32 = 0
        let digest = [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, count in
            let result = EVP_Digest(bytes, bytes.count, buffer.baseAddress, &size, algorithm, nil)
            precondition(result == 1, "OpenSSL cannot compute a digest that every build of it has")
            count = Int(size)
        }
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: digest.count * 2) { text in
            for (index, byte) in digest.enumerated() {
                text[index * 2] = digits[Int(byte >> 4)]
                text[index * 2 + 1] = digits[Int(byte & 15)]
            }
            return digest.count * 2
        }
    }
}
