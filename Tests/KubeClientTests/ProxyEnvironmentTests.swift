import Testing

@testable import KubeClient

@Suite struct ProxyEnvironmentTests {
    private func proxy(_ server: String, _ environment: [String: String]) throws -> String? {
        try ProxyEnvironment(environment).proxy(for: server)
    }

    @Test(arguments: [
        (["HTTPS_PROXY": "http://p:3128"], "http://p:3128"),
        (["https_proxy": "p:3128"], "http://p:3128"),
        (["HTTPS_PROXY": "", "https_proxy": "socks5://p"], "socks5://p"),
        (["HTTPS_PROXY": "https://u:w@p"], "https://u:w@p"),
        (["HTTP_PROXY": "http://p", "ALL_PROXY": "http://q"], nil),
        ([:], nil),
    ])
    func `an https server has the proxy of HTTPS_PROXY`(environment: [String: String], expected: String?) throws {
        #expect(try proxy("https://a.test:6443", environment) == expected)
    }

    @Test func `an http server has the proxy of HTTP_PROXY`() throws {
        #expect(try proxy("http://a.test", ["HTTP_PROXY": "p:1", "HTTPS_PROXY": "q:1"]) == "http://p:1")
    }

    @Test(arguments: ["https://localhost:6443", "https://127.0.0.1", "https://127.1.2.3:1", "https://[::1]:6443"])
    func `what is on this machine is reached directly`(server: String) throws {
        #expect(try proxy(server, ["HTTPS_PROXY": "p"]) == nil)
    }

    @Test(arguments: [
        ("https://10.1.2.3:6443", "*"), ("https://10.1.2.3:6443", "10.0.0.0/8"), ("https://10.1.2.3", "10.1.2.3"),
        ("https://10.1.2.3:6443", "x, 10.1.2.3:6443"), ("https://10.1.2.3", "10.1.2.3:443"),
        ("https://[fd00::1]:6443", "fd00::/16"), ("https://[fd00::1]", "fd00::1"),
        ("https://[fd00::1]:6443", "[fd00::1]:6443"), ("https://[::ffff:10.1.2.3]", "10.0.0.0/8"),
        ("https://a.example.com", "example.com"), ("https://EXAMPLE.com", "Example.com"),
        ("https://a.example.com", ".example.com"), ("https://a.b.example.com", "*.example.com"),
        ("https://a.example.com", "example.com:443"),
    ])
    func `what NO_PROXY lists is reached directly`(server: String, list: String) throws {
        #expect(try proxy(server, ["HTTPS_PROXY": "p", "NO_PROXY": list]) == nil)
        #expect(try proxy(server, ["HTTPS_PROXY": "p", "no_proxy": list]) == nil)
    }

    @Test(arguments: [
        ("https://11.1.2.3", "10.0.0.0/8"), ("https://10.1.2.3", "10.1.2.3:6443"),
        ("https://example.com", ".example.com"),
        ("https://example.com", "*.example.com"), ("https://badexample.com", "example.com"),
        ("https://10.1.2.3", "10.1.2"), ("https://10.1.2.3", ""), ("https://10.1.2.3", ",:443,"),
        ("https://[fd00::1]", "10.0.0.0/8"), ("https://a.test", "10.0.0.0/0"), ("https://10.1.2.3", "10.0.0.0/33"),
    ])
    func `what NO_PROXY does not list is not`(server: String, list: String) throws {
        #expect(try proxy(server, ["HTTPS_PROXY": "p", "NO_PROXY": list]) == "http://p")
    }

    @Test func `a variable that is no proxy is named`() {
        let error = #expect(throws: ConfigurationError.self) { try proxy("https://a", ["HTTPS_PROXY": "ftp://p"]) }
        #expect(error?.description.hasPrefix("HTTPS_PROXY must be") == true)
    }

    @Test(arguments: [
        ("http://p", "http://p:80"), ("HTTPS://P/", "https://p:443"), ("socks5://u:w%40@p", "socks5h://u:w%40@p:1080"),
        ("socks5h://[::1]:9", "socks5h://[::1]:9"), ("ftp://p", nil), ("p:3128", nil), ("http://", nil),
        ("http://p:99999", nil),
    ])
    func `a proxy gets the port of its scheme, and SOCKS looks up names itself`(url: String, expected: String?) {
        #expect(ProxyURL(url)?.text == expected)
    }
}
