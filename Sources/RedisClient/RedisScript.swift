internal import COpenSSL

/// A Lua script, with the digest Redis knows it by.
///
/// A script should touch only the keys passed to it, and only one of them, so that it also works on Redis Cluster.
public struct RedisScript: Sendable, Hashable {
    /// The Lua text.
    public let source: String
    /// SHA-1 of the text in lower-case hexadecimal; `nil` if OpenSSL refuses SHA-1 here, in which case the text itself
    /// is sent each time.
    public let sha1: String?

    /// Computes the digest; make a script once and keep it.
    public init(_ source: String) {
        self.source = source
        var source = source
        sha1 = source.withUTF8 { Self.sha1(UnsafeRawBufferPointer($0)) }
    }

    private static func sha1(_ bytes: UnsafeRawBufferPointer) -> String? {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        guard EVP_Digest(bytes.baseAddress, bytes.count, &digest, &length, EVP_sha1(), nil) == 1 else {
            ERR_clear_error()
            return nil
        }
        let digits = Array("0123456789abcdef".utf8)
        let text = digest.prefix(Int(length)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
