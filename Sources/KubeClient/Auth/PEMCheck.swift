internal import COpenSSL

/// Whether PEM texts are what they are given as, before a transport is made of them.
enum PEMCheck {
    /// What is wrong with a certificate and its key; nil when they belong together.
    /// - Parameter key: nil when the key stands in the certificate's text.
    static func problem(certificate: [UInt8], key: [UInt8]?) -> String? {
        defer { ERR_clear_error() }
        let leaf = reading(certificate) { PEM_read_bio_X509($0, nil, refuseToAsk, nil) }
        guard let leaf else { return "there is no certificate in PEM form" }
        defer { X509_free(leaf) }
        let own = reading(key ?? certificate) { PEM_read_bio_PrivateKey($0, nil, refuseToAsk, nil) }
        guard let own else { return "there is no key in PEM form without a passphrase" }
        defer { EVP_PKEY_free(own) }
        return X509_check_private_key(leaf, own) == 1 ? nil : "the key is not the certificate's"
    }

    /// What is wrong with a text of certificate authorities; nil when there is one at least.
    static func problem(authorities: [UInt8]) -> String? {
        defer { ERR_clear_error() }
        let first = reading(authorities) { PEM_read_bio_X509($0, nil, refuseToAsk, nil) }
        guard let first else { return "there is no certificate in PEM form" }
        X509_free(first)
        return nil
    }

    private static func reading(_ bytes: [UInt8], _ read: (OpaquePointer?) -> OpaquePointer?) -> OpaquePointer? {
        bytes.withUnsafeBytes { buffer in
            let bio = BIO_new_mem_buf(buffer.baseAddress, Int32(clamping: buffer.count))
            defer { BIO_free(bio) }
            return read(bio)
        }
    }
}

/// OpenSSL would ask for a passphrase on the terminal otherwise.
private func refuseToAsk(
    _: UnsafeMutablePointer<CChar>?,
    _: Int32,
    _: Int32,
    _: UnsafeMutableRawPointer?
) -> Int32 { -1 }
