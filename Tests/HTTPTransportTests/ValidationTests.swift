import Testing

@testable import HTTPTransport

struct ValidationTests {
    @Test(arguments: [
        "http://a/\r\nX: y", "http://a/ b", "http://a/\u{0}", "http://a/é", "http://", "http:///path", "ftp://a/",
        "file:///etc/passwd", "a/b", "", "http://a:b/", "http://[::1", "http://[::1]x/", "//a/b",
    ])
    func `a URL that is none of ours is refused`(url: String) async throws {
        let error = await transferError { () throws(TransferError) in try PreparedRequest(HTTPRequest(url: url)) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.wasNeverProcessed == true)
    }

    @Test(arguments: [
        ("X", "a\r\nInjected: b"), ("X", "a\nb"), ("X", "a\rb"), ("X", "a\u{0}b"), ("X", "a\u{7F}"), ("X:", "a"),
        ("X\r\nY", "a"), ("", "a"), ("X Y", "a"), ("Content-Length", "5"), ("transfer-encoding", "chunked"),
    ])
    func `a header field that could smuggle is refused`(name: String, value: String) async throws {
        let request = HTTPRequest(url: "http://a/", headers: HTTPHeaders([HTTPHeader(name, value)]))
        let error = await transferError { () throws(TransferError) in try PreparedRequest(request) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.description.contains("Injected") == false)
    }

    @Test(arguments: ["", "G ET", "GET\r\n", "G\u{E9}T"])
    func `a method that is no token is refused`(method: String) async throws {
        let request = HTTPRequest(method: HTTPMethod(rawValue: method), url: "http://a/")
        let error = await transferError { () throws(TransferError) in try PreparedRequest(request) }
        #expect(error?.code == .invalidRequest)
    }

    @Test func `HEAD with a body is refused`() async throws {
        let request = HTTPRequest(method: .head, url: "http://a/", body: [])
        let error = await transferError { () throws(TransferError) in try PreparedRequest(request) }
        #expect(error?.code == .invalidRequest)
    }

    @Test(arguments: [
        ("http://a", "http://a", "http://a"),
        ("HTTPS://A.b:6443/c?d#e", "https://a.b:6443", "https://A.b:6443/c"),
        ("https://u:p@w@[::1]:1/x", "https://[::1]:1", "https://[::1]:1/x"),
        ("http://a?q=/@b", "http://a", "http://a"),
        ("https://[fe80::1]", "https://[fe80::1]", "https://[fe80::1]"),
    ])
    func `a URL is taken apart`(url: String, origin: String, redacted: String) throws {
        let target = try #require(RequestTarget(url))
        #expect(target.origin == origin)
        #expect(target.redacted == redacted)
        #expect(target.isTLS == url.lowercased().hasPrefix("https"))
    }

    @Test func `another host keeps all else`() throws {
        let target = try #require(RequestTarget("https://u:p@10.0.0.1:6443/c?d"))
        #expect(target.url(at: "kubernetes.default") == "https://u:p@kubernetes.default:6443/c?d")
        #expect(target.hostField == "10.0.0.1:6443")
    }

    @Test func `a configuration that could never work is refused`() async throws {
        typealias Configuration = HTTPTransport.Configuration
        let impossible: [Configuration] = [
            Configuration(userAgent: "a\nb"), Configuration(connectTimeout: .zero),
            Configuration(maxConnectionsPerHost: -1), Configuration(proxy: "http://a\n"),
            Configuration(tls: .init(clientKey: .data([1]))), Configuration(tls: .init(serverName: "a b")),
            Configuration(tls: .init(serverName: "a:1")), Configuration(tls: .init(certificateAuthorities: .data([]))),
            Configuration(tls: .init(certificateAuthorities: .file(""))),
        ]
        for configuration in impossible {
            let error = await transferError { () throws(TransferError) in try HTTPTransport(configuration) }
            #expect(error?.code == .invalidRequest)
        }
    }
}
