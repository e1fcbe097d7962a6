/// A response with its whole body. Any status, 4xx and 5xx included, is a response and no error.
public struct HTTPResponse: Sendable {
    /// The status code, such as 200.
    public let status: Int
    /// The fields in the order received. Trailers are dropped.
    public let headers: HTTPHeaders
    /// The body, decompressed when the request accepted compression; any other content coding is not undone.
    public let body: [UInt8]
    /// Whether the body was longer than `HTTPRequest.maximumResponseBytes`, and only its beginning is here.
    public let isTruncated: Bool
    /// The version of HTTP it came by.
    public let httpVersion: HTTPVersion
}

/// A response whose body is still arriving. Any status, 4xx and 5xx included, is a response and no error.
public struct HTTPResponseStream: Sendable {
    /// The status code, such as 200.
    public let status: Int
    /// The fields in the order received. Trailers are dropped.
    public let headers: HTTPHeaders
    /// The version of HTTP it came by.
    public let httpVersion: HTTPVersion
    /// The body, to be read once. Dropping it, or stopping to read, aborts the exchange.
    public let body: HTTPBody
}

/// What is known once the header block is complete.
struct ResponseHead: Sendable {
    var version: HTTPVersion
    var status: Int
    var headers = HTTPHeaders()
}
