/// A request found fit to be put on the wire.
struct PreparedRequest: Sendable {
    let request: HTTPRequest
    let target: RequestTarget

    /// Checks what libcurl would pass on unseen. A line break in a field or URL could otherwise smuggle in another
    /// field or request.
    init(_ request: HTTPRequest) throws(TransferError) {
        func refuse(_ reason: String, at url: String = "") -> TransferError {
            TransferError(.invalidRequest, reason, method: nil, url: url)
        }
        guard let target = RequestTarget(request.url) else {
            throw refuse(
                "the URL must be http(s)://host[:port]/… in printable ASCII without blanks; percent-encode the rest"
            )
        }
        guard request.method.rawValue.isToken else {
            throw refuse("the method is not a token of letters, digits and !#$%&'*+-.^_`|~", at: target.redacted)
        }
        guard request.method != .head || request.body == nil else {
            throw refuse("a HEAD request cannot have a body", at: target.redacted)
        }
        for field in request.headers {
            guard field.name.isToken else {
                throw refuse("the name of a header field is not a token", at: target.redacted)
            }
            guard field.value.isFieldValue else {
                throw refuse("header field \(field.name) contains a control character", at: target.redacted)
            }
        }
        for name in ["Content-Length", "Transfer-Encoding"] where request.headers.contains(name) {
            throw refuse("header field \(name) is the transport's to set; leave it out", at: target.redacted)
        }
        guard request.maximumResponseBytes >= 0 else {
            throw refuse("maximumResponseBytes is negative", at: target.redacted)
        }
        self.request = request
        self.target = target
    }

    /// An error that names this request.
    func error(
        _ code: TransferError.Code,
        _ message: String,
        curlCode: Int32 = 0,
        systemError: Int32 = 0
    ) -> TransferError {
        TransferError(
            code,
            message,
            method: request.method,
            url: target.redacted,
            curlCode: curlCode,
            systemError: systemError
        )
    }

    /// Another request's error, as this one's.
    func error(likewise other: TransferError) -> TransferError {
        error(other.code, other.message, curlCode: other.curlCode, systemError: other.systemError)
    }

    var cancelled: TransferError { error(.cancelled, "the calling task was cancelled") }
    var retired: TransferError {
        error(.connectionLost, "the transport was replaced by another one; the request may be sent there")
    }
    var shutDown: TransferError { error(.shutDown, "the transport was shut down") }
}

extension String {
    /// A token of RFC 9110 section 5.6.2.
    var isToken: Bool {
        !isEmpty
            && utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// Free of control characters but the tab, as RFC 9110 section 5.5 has it.
    var isFieldValue: Bool {
        utf8.allSatisfy { $0 == UInt8(ascii: "\t") || ($0 >= 0x20 && $0 != 0x7F) }
    }
}
