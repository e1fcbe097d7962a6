internal import COpenSSL

/// What OpenSSL needs before a session: trusted authorities, our own certificate, the rules.
final class TLSContext {
    let context: OpaquePointer

    init(_ configuration: RedisTLSConfiguration) throws(TransferFailure) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw TransferFailure(.tls, "OpenSSL gave no context: \(OpenSSLErrors.drain())")
        }
        self.context = context
        _ = copenssl_ctx_set_min_proto_version(context, TLS1_2_VERSION)
        // Output grows and moves between attempts to write it, and is taken as far as it goes.
        _ = copenssl_ctx_set_mode(context, Int(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        // Without this OpenSSL would ask for the passphrase of an encrypted key on the terminal.
        SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in 0 }
        try loadAuthorities(configuration)
        try loadClientCertificate(configuration)
    }

    deinit {
        SSL_CTX_free(context)
    }

    private func loadAuthorities(_ configuration: RedisTLSConfiguration) throws(TransferFailure) {
        guard let file = configuration.caFile else {
            try check(SSL_CTX_set_default_verify_paths(context), "loading the system's certificate authorities")
            return
        }
        try check(SSL_CTX_load_verify_file(context, file), "loading the CA file \(file)")
    }

    private func loadClientCertificate(_ configuration: RedisTLSConfiguration) throws(TransferFailure) {
        guard let file = configuration.clientCertificateFile else { return }
        let keyFile = configuration.clientKeyFile ?? file
        try check(SSL_CTX_use_certificate_chain_file(context, file), "loading the client certificate \(file)")
        try check(
            SSL_CTX_use_PrivateKey_file(context, keyFile, SSL_FILETYPE_PEM),
            "loading the client key \(keyFile), which must be PEM without a passphrase"
        )
        try check(SSL_CTX_check_private_key(context), "checking that \(keyFile) is the key of \(file)")
    }

    private func check(_ result: Int32, _ attempt: String) throws(TransferFailure) {
        if result != 1 { throw TransferFailure(.tls, "\(attempt) failed: \(OpenSSLErrors.drain())") }
    }
}
