import COpenSSL

/// Who a TLS server is, and what it wants of its clients.
///
/// `@unchecked Sendable`: the context is complete after `init`, and OpenSSL's contexts may then be shared by threads.
package final class ServerIdentity: @unchecked Sendable {
    fileprivate let context: OpaquePointer?

    /// `clientAuthority` makes a client certificate from that authority a must. `speaksHTTP2` selects `h2` by ALPN.
    package init(_ certificate: TestCertificate, clientAuthority: TestCertificate? = nil, speaksHTTP2: Bool = false) {
        context = SSL_CTX_new(TLS_server_method())
        SSL_CTX_use_certificate(context, certificate.certificate)
        SSL_CTX_use_PrivateKey(context, certificate.key)
        if let clientAuthority {
            X509_STORE_add_cert(SSL_CTX_get_cert_store(context), clientAuthority.certificate)
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        }
        if speaksHTTP2 { SSL_CTX_set_alpn_select_cb(context, selectHTTP2, nil) }
    }

    deinit {
        SSL_CTX_free(context)
    }
}

/// Answers `h2` if the client offers it.
private let selectHTTP2:
    @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
        UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
    ) -> Int32 = { _, selected, selectedLength, offered, offeredLength, _ in
        guard let offered else { return SSL_TLSEXT_ERR_NOACK }
        var position = 0
        while position < Int(offeredLength) {
            let length = Int(offered[position])
            if length == 2, offered[position + 1] == UInt8(ascii: "h"), offered[position + 2] == UInt8(ascii: "2") {
                selected?.pointee = offered + position + 1
                selectedLength?.pointee = 2
                return SSL_TLSEXT_ERR_OK
            }
            position += 1 + length
        }
        return SSL_TLSEXT_ERR_NOACK
    }

/// The server's end of a TLS connection.
package final class TLSChannel: ByteChannel {
    private let ssl: OpaquePointer?
    private let socket: Socket

    /// nil when the handshake fails.
    package init?(_ socket: Socket, _ identity: ServerIdentity) {
        self.socket = socket
        ssl = SSL_new(identity.context)
        SSL_set_fd(ssl, socket.rawDescriptor)
        guard SSL_accept(ssl) == 1 else {
            // Closing with bytes unread would reset the connection, and the alert that says why would be lost.
            while let bytes = try? socket.read(upTo: 65536), !bytes.isEmpty {}
            return nil
        }
    }

    deinit {
        SSL_free(ssl)
    }

    /// The common name of the certificate the client has shown, if any.
    package var clientName: String? {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        var name = [CChar](repeating: 0, count: 256)
        let subject = X509_get_subject_name(certificate)
        let length = X509_NAME_get_text_by_NID(subject, NID_commonName, &name, Int32(name.count))
        guard length >= 0 else { return nil }
        return String(decoding: name.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    package func read(upTo count: Int) throws -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, Int(SSL_read(ssl, buffer.baseAddress, Int32(count))))
        }
    }

    package func write(_ bytes: [UInt8]) throws {
        guard bytes.isEmpty || SSL_write(ssl, bytes, Int32(bytes.count)) > 0 else { throw ChannelError(errno: 0) }
    }
}
