import COpenSSL

/// A certificate and its key, made for one test run.
///
/// `@unchecked Sendable`: it is not changed after `init`, and OpenSSL counts references to both objects atomically.
package final class TestCertificate: @unchecked Sendable {
    package let certificate: OpaquePointer
    package let key: OpaquePointer

    /// Signed by `issuer`, or by itself when there is none. `names` as in OpenSSL's subjectAltName: `IP:127.0.0.1,DNS:a`.
    package init(
        _ commonName: String,
        names: String? = nil,
        isAuthority: Bool = false,
        issuer: TestCertificate? = nil
    ) throws {
        guard let key = Self.makeKey(), let certificate = X509_new() else { throw ChannelError(errno: 0) }
        self.key = key
        self.certificate = certificate

        X509_set_version(certificate, 2)
        ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), Int64.random(in: 1...Int64.max))
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600)
        X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600)
        X509_set_pubkey(certificate, key)
        X509_NAME_add_entry_by_txt(
            X509_get_subject_name(certificate),
            "CN",
            Self.asciiString,
            Array(commonName.utf8),
            Int32(commonName.utf8.count),
            -1,
            0
        )
        let issuingCertificate = issuer?.certificate ?? certificate
        X509_set_issuer_name(certificate, X509_get_subject_name(issuingCertificate))
        add(NID_basic_constraints, isAuthority ? "critical,CA:TRUE" : "critical,CA:FALSE")
        if let names { add(NID_subject_alt_name, names) }
        // Ed25519 hashes by itself.
        guard X509_sign(certificate, issuer?.key ?? key, nil) > 0 else { throw ChannelError(errno: 0) }
    }

    deinit {
        X509_free(certificate)
        EVP_PKEY_free(key)
    }

    package var pem: [UInt8] { Self.bytes { PEM_write_bio_X509($0, certificate) } }
    package var keyPEM: [UInt8] { Self.bytes { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) } }

    /// `MBSTRING_ASC`, a macro that Swift does not import.
    private static let asciiString: Int32 = 0x1000 | 1

    private func add(_ extensionID: Int32, _ value: String) {
        let made = X509V3_EXT_conf_nid(nil, nil, extensionID, value)
        X509_add_ext(certificate, made, -1)
        X509_EXTENSION_free(made)
    }

    private static func makeKey() -> OpaquePointer? {
        let context = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nil)
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_keygen(context, &key) == 1 else { return nil }
        return key
    }

    private static func bytes(_ write: (OpaquePointer?) -> Int32) -> [UInt8] {
        let bio = BIO_new(BIO_s_mem())
        defer { BIO_free(bio) }
        guard write(bio) == 1 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 16384)
        let count = BIO_read(bio, &bytes, Int32(bytes.count))
        return Array(bytes.prefix(max(0, Int(count))))
    }
}
