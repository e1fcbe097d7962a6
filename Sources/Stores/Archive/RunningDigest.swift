internal import COpenSSL

/// SHA-256 of bytes that come in pieces.
final class RunningDigest {
    private let context: OpaquePointer?

    init() {
        context = EVP_MD_CTX_new()
        precondition(EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1, "OpenSSL has no SHA-256")
    }

    deinit { EVP_MD_CTX_free(context) }

    func update(_ bytes: [UInt8]) { _ = EVP_DigestUpdate(context, bytes, bytes.count) }

    /// Of everything so far, lower-case hexadecimal. Nothing may follow.
    func finish() -> String {
        let digest = [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, count in
            var size: UInt32 = 0
            _ = EVP_DigestFinal_ex(context, buffer.baseAddress, &size)
            count = Int(size)
        }
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
