internal import COpenSSL
import Glibc

/// TLS over a socket that never blocks. Not thread-safe; to be used by one thread that has SIGPIPE blocked.
final class TLSSession {
    let socket: RedisSocket
    private let session: OpaquePointer
    private let serverName: String
    /// The handshake or a read has to send something before it can go on.
    private(set) var readingWaitsForWritable = false
    /// A write has to receive something before it can go on; waiting for a writable socket would spin.
    private(set) var writingWaitsForReadable = false

    private enum Operation: String {
        case handshake = "the TLS handshake"
        case write = "writing over TLS"
        case read = "reading over TLS"
    }

    /// Prepares a session; ``handshake()`` starts it.
    init(over socket: RedisSocket, to host: String, _ configuration: RedisTLSConfiguration) throws(TransferFailure) {
        let context = try TLSContext(configuration)
        guard let session = SSL_new(context.context) else {
            throw TransferFailure(.tls, "OpenSSL gave no session: \(OpenSSLErrors.drain())")
        }
        self.socket = socket
        self.session = session
        let name = configuration.serverName ?? host
        serverName = name.last == "." ? String(name.dropLast()) : name
        SSL_set_connect_state(session)
        let parameters = SSL_get0_param(session)
        // Returns 1 if the name is an IP address, and then that is what the certificate must have.
        if X509_VERIFY_PARAM_set1_ip_asc(parameters, serverName) != 1 {
            ERR_clear_error()
            X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
            guard X509_VERIFY_PARAM_set1_host(parameters, serverName, 0) == 1,
                copenssl_set_server_name(session, serverName) == 1
            else {
                throw TransferFailure(.tls, "the name \(serverName) cannot be used for TLS: \(OpenSSLErrors.drain())")
            }
        }
        guard SSL_set_fd(session, socket.fileDescriptor) == 1 else {
            throw TransferFailure(.tls, "OpenSSL did not take the socket: \(OpenSSLErrors.drain())")
        }
    }

    deinit {
        SSL_free(session)
    }

    /// True when the handshake is complete and the certificate verified; false to call again when the socket is ready.
    func handshake() throws(TransferFailure) -> Bool {
        ERR_clear_error()
        let result = SSL_do_handshake(session)
        switch try outcome(of: .handshake, result, moved: 0) {
        case .moved: return true
        case .ended: throw TransferFailure(.tls, "the server ended the TLS handshake. \(Self.plainPortHint)")
        case .wouldBlock: return false
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(TransferFailure) -> Transfer {
        ERR_clear_error()
        var count = 0
        let result = SSL_write_ex(session, bytes.baseAddress, bytes.count, &count)
        return try outcome(of: .write, result, moved: count)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(TransferFailure) -> Transfer {
        ERR_clear_error()
        var count = 0
        let result = SSL_read_ex(session, buffer.baseAddress, buffer.count, &count)
        return try outcome(of: .read, result, moved: count)
    }

    /// Tells the server that this side is done, so that it sees an end and not a cut. Does not wait for its answer.
    func sendCloseNotify() {
        ERR_clear_error()
        _ = SSL_shutdown(session)
        ERR_clear_error()
    }

    private func outcome(
        of operation: Operation,
        _ result: Int32,
        moved count: Int
    ) throws(TransferFailure) -> Transfer {
        let code = errno
        let verdict = result == 1 ? SSL_ERROR_NONE : SSL_get_error(session, result)
        switch operation {
        case .write: writingWaitsForReadable = verdict == SSL_ERROR_WANT_READ
        case .handshake, .read: readingWaitsForWritable = verdict == SSL_ERROR_WANT_WRITE
        }
        switch verdict {
        case SSL_ERROR_NONE:
            return .moved(count)
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
            return .wouldBlock
        case SSL_ERROR_ZERO_RETURN:
            return .ended
        case SSL_ERROR_SYSCALL where code != 0:
            _ = OpenSSLErrors.drain()
            throw TransferFailure(SystemError(operation.rawValue, code))
        case SSL_ERROR_SSL where ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING:
            // A server that was killed does not say goodbye; that is no fault of TLS.
            let hint = operation == .handshake ? " \(Self.plainPortHint)" : ""
            throw TransferFailure(
                .closedByServer,
                "the server closed the connection (\(OpenSSLErrors.drain())).\(hint)"
            )
        default:
            throw TransferFailure(.tls, explanation(operation.rawValue))
        }
    }

    private func explanation(_ attempt: String) -> String {
        var text = "\(attempt) failed: \(OpenSSLErrors.drain())"
        let verdict = SSL_get_verify_result(session)
        if verdict != Int(X509_V_OK) {
            let problem = String(cString: X509_verify_cert_error_string(verdict))
            text += "; certificate for \(serverName): \(problem) (code \(verdict)). "
            text += "Is the CA file the one that signed it, and is sslHost the name in it?"
        } else if text.contains("wrong version number") {
            text += ". \(Self.plainPortHint)"
        }
        return text
    }

    /// A plain Redis port waits for the end of the line, which a TLS handshake does not have.
    static let plainPortHint = "Does this port speak TLS? For a plain port leave out ssl=true."
}
