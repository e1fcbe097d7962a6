internal import CCurl

extension TransferError {
    /// What libcurl's verdict on a transfer means for the caller.
    init(_ result: CURLcode, of easy: EasyHandle, for prepared: PreparedRequest) {
        let message = easy.message(for: result)
        let nameIsKnown = easy.offset(CURLINFO_NAMELOOKUP_TIME_T) > 0
        var code = Code(result, message: message, nameIsKnown: nameIsKnown)
        if easy.info(CURLINFO_HTTP_CONNECTCODE) >= 300 { code = .couldNotConnect }
        // The request was fine: it is what the server redirected to that is not.
        if code == .invalidRequest, easy.info(CURLINFO_REDIRECT_COUNT) > 0 { code = .other }
        self = prepared.error(
            code,
            message,
            curlCode: Int32(result.rawValue),
            systemError: result == CURLE_COULDNT_CONNECT ? Int32(easy.info(CURLINFO_OS_ERRNO)) : 0
        )
    }
}

extension TransferError.Code {
    /// libcurl has fewer codes than there are causes, so for two of them its message decides. `TLSTests` holds
    /// the messages of libcurl 7.88 with OpenSSL 3.0; a message that is not recognised falls back on the plain code.
    init(_ result: CURLcode, message: String, nameIsKnown: Bool) {
        switch result {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
            self = .couldNotResolve
        case CURLE_COULDNT_CONNECT, CURLE_PROXY:
            self = .couldNotConnect
        case CURLE_OPERATION_TIMEDOUT:
            // The whole exchange is timed by the event loop; libcurl only times the way to a connection.
            self = nameIsKnown ? .couldNotConnect : .couldNotResolve
        case CURLE_SSL_CONNECT_ERROR:
            // A server that is being restarted resets connections during the handshake, which is worth another try.
            let ends = ["SSL_ERROR_SYSCALL", "Connection reset", "unexpected eof", "Broken pipe"]
            self = ends.contains { message.contains($0) } ? .connectionLost : .tls
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_CLIENTCERT, CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED, CURLE_USE_SSL_FAILED:
            self = .tls
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR:
            // With TLS 1.3 a server refuses the client's certificate only after the handshake is over for the client.
            let isRefusal = message.contains(" alert ") && message.contains("SSL routines")
            self = isRefusal ? .tls : .connectionLost
        case CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_HTTP2, CURLE_HTTP2_STREAM:
            self = .connectionLost
        case CURLE_URL_MALFORMAT:
            self = .invalidRequest
        default:
            self = .other
        }
    }
}
