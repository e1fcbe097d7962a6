import HTTPTransport
import JSON
import ScriptedServers
import Synchronization
import TestEnvironment
import Testing
import Workflows

@testable import Actions

@Suite(.timeLimit(.minutes(4))) struct HTTPActionTests {
    private let action: HTTPAction

    init() throws {
        action = HTTPAction(transport: try HTTPTransport(), cluster: ClusterAccess(client: nil))
    }

    private func perform(
        _ url: String,
        _ more: JSONValue = [:],
        _ context: StepContext = Steps.context()
    ) async throws -> JSONValue {
        try await action.perform((["url": .string(url)] as JSONValue).merging(more), context)
    }

    private func failure(
        _ url: String,
        _ more: JSONValue = [:],
        _ context: StepContext = Steps.context()
    ) async -> StepError? {
        await #expect(throws: StepError.self) { try await perform(url, more, context) }
    }

    /// Records requests and answers each as told.
    private func server(
        _ requests: Requests = Requests(),
        _ identity: ServerIdentity? = nil,
        answer: @escaping @Sendable (ServerConnection, ReceivedRequest) throws -> Void
    ) throws -> ScriptedServer {
        try ScriptedServer(identity) { connection in
            while true {
                let request = try connection.readRequest()
                requests.add(request)
                try answer(connection, request)
            }
        }
    }

    // MARK: Requests

    @Test func `a call carries key, trace and credentials, and returns the answer`() async throws {
        let requests = Requests()
        let server = try server(requests) { connection, _ in
            try connection.respond("201 Created", #"{"id": 7}"#, fields: ["Content-Type: application/json", "X-A: b"])
        }
        let output = try await perform(
            server.url("/layers"),
            ["body": ["a": 1], "bearerToken": "t", "headers": ["Accept": "x/y"]]
        )
        #expect(output["status"] == 201)
        #expect(output["body"] == ["id": 7])
        #expect(output[path: "headers", "x-a"] == "b")
        let request = try #require(requests.all.first)
        #expect(request.line == "POST /layers HTTP/1.1" && request.text == #"{"a":1}"#)
        #expect(request.value(of: "idempotency-key") == "key-1")
        #expect(request.value(of: "authorization") == "Bearer t")
        #expect(request.value(of: "content-type") == "application/json")
        #expect(request.value(of: "accept") == "x/y")
    }

    @Test func `the trace is that of the process, the span that of the attempt, unless the step says otherwise`()
        async throws
    {
        let requests = Requests()
        let server = try server(requests) { connection, _ in try connection.respond() }
        let contexts = [
            Steps.context(), Steps.context(), Steps.context(attempt: 2), Steps.context(key: "key-2"),
            Steps.context(process: "process-2"),
        ]
        for context in contexts { _ = try await perform(server.url(), [:], context) }
        _ = try await perform(server.url(), ["headers": ["TraceParent": "mine"]])
        let traces = requests.all.compactMap { $0.value(of: "traceparent") }
        #expect(
            traces.count == 6
                && traces.allSatisfy { $0 == "mine" || $0.wholeMatch(of: /00-[0-9a-f]{32}-[0-9a-f]{16}-01/) != nil }
        )
        let parts = traces.map { $0.split(separator: "-") }
        #expect(traces[0] == traces[1])
        #expect(parts[0][1] == parts[2][1] && parts[0][2] != parts[2][2])
        #expect(parts[0][1] == parts[3][1] && parts[0][2] != parts[3][2])
        #expect(parts[0][1] != parts[4][1])
        #expect(traces[5] == "mine")
    }

    @Test func `a plan sends nothing and shows no values`() async throws {
        let server = try server { connection, _ in try connection.respond() }
        let inputs: JSONValue = [
            "url": .string("http://me:tops3cret@127.0.0.1:\(server.port)/x?y=1"), "body": ["a": 1],
            "bearerToken": "tops3cret", "headers": ["X-Key": "tops3cret"],
        ]
        let plan = try await action.plan(inputs, Steps.context())
        #expect(
            plan == [
                "would": "http", "method": "POST", "url": .string(server.url("/x?y=1")), "bodyBytes": 7,
                "headers": ["authorization", "content-type", "idempotency-key", "traceparent", "x-key"],
            ]
        )
        #expect(server.accepted == 0)
    }

    @Test func `cancellation ends a call at once`() async throws {
        try await EffectServer.with { server in
            server.hold("slow")
            let call = Task { try await perform(server.url("slow"), ["timeout": "1h"]) }
            await server.received("slow")
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
        }
    }

    // MARK: Answers

    @Test func `an answer that is too long is a clear failure, with an effect unless it was only read`() async throws {
        let server = try server { connection, request in
            let status = request.line.contains("/away") ? "503 Service Unavailable" : "200 OK"
            try connection.respond(status, String(repeating: "x", count: 40_000))
        }
        let error = await failure(server.url())
        #expect(
            error?.summary == "Response too large" && error?.errorClass == .permanent && error?.hasHadEffect == false
        )
        #expect(error?.detail?.contains("more than 32768 bytes; raise maximumResponseBytes") == true)
        #expect(await failure(server.url(), ["method": "POST"])?.hasHadEffect == true)
        // What the status says does not get lost because the page about it is long.
        let away = await failure(server.url("/away"))
        #expect(away?.summary == "503 Service Unavailable" && away?.errorClass == .transient)
        let more = try await perform(server.url(), ["maximumResponseBytes": 40_000])
        #expect(more["body"]?.string?.count == 40_000)
    }

    @Test func `with another output the body is read, of any size, and thrown away`() async throws {
        let server = try server { connection, request in
            let status = request.line.contains("/fail") ? "404 Not Found" : "200 OK"
            try connection.respond(status, String(repeating: "x", count: 5_000_000))
        }
        #expect(try await perform(server.url(), ["output": "none"]) == [:])
        #expect(try await perform(server.url(), ["output": "status"]) == ["status": 200])
        let error = await failure(server.url("/fail"), ["output": "none"])
        #expect(error?.summary == "404 Not Found" && error?.detail?.contains("xxx…") == true)
        // Read to the end: otherwise the connection would be of no use any more.
        #expect(server.accepted == 1)
    }

    @Test func `retryOn makes more statuses transient`() async throws {
        let server = try server { connection, _ in try connection.respond("409 Conflict", "busy") }
        let error = await failure(server.url())
        #expect(error?.errorClass == .permanent)
        #expect(error?.description == "409 Conflict: GET \(server.url()) answered busy")
        #expect(await failure(server.url(), ["retryOn": [404, 409]])?.errorClass == .transient)
    }

    @Test(arguments: [
        ("7", Duration.seconds(7)), ("99999", .seconds(3600)), ("-3", .zero),
        ("Sun, 06 Nov 1994 08:49:37 GMT", .seconds(37)), ("Sunday, 06-Nov-94 08:50:00 GMT", .seconds(60)),
        ("Sun Nov  6 08:49:10 1994", .seconds(10)), ("Sat, 05 Nov 1994 08:49:37 GMT", .zero), ("soon", nil),
        ("Sun, 06 Foo 1994 08:49:37 GMT", nil),
    ])
    func `Retry-After counts in seconds and as a date`(text: String, delay: Duration?) async throws {
        let server = try server { connection, _ in
            try connection.respond("503 Service Unavailable", fields: ["Retry-After: \(text)"])
        }
        let now = try #require(Timestamp("1994-11-06T08:49:00Z"))
        let time = TimeSource(ContinuousClock(), wallTime: { now })
        #expect(await failure(server.url(), [:], Steps.context(time: time))?.retryAfter == delay)
    }

    // MARK: Redirects

    private func redirecting(
        _ requests: Requests,
        _ status: Int,
        to location: @escaping @Sendable () -> String
    ) throws -> ScriptedServer {
        try server(requests) { connection, request in
            guard request.line.contains("/old") else { return try connection.respond("200 OK", "here") }
            try connection.respond("\(status) Redirect", fields: ["Location: \(location())"])
        }
    }

    @Test func `a redirect is an answer unless the step allows some`() async throws {
        let requests = Requests()
        let server = try redirecting(requests, 302) { "new?x#y" }
        #expect(await failure(server.url("/a/old"))?.summary == "unexpected status 302")
        let answer = try await perform(server.url("/a/old"), ["expect": [302]])
        #expect(answer[path: "headers", "location"] == "new?x#y")
        #expect(try await perform(server.url("/a/old"), ["redirects": 1])["body"] == "here")
        #expect(requests.lines.last == "GET /a/new?x HTTP/1.1")
    }

    @Test func `more redirects than allowed are a failure`() async throws {
        let server = try redirecting(Requests(), 307) { "/old" }
        let error = await failure(server.url("/old"), ["redirects": 3])
        #expect(error?.summary == "Too many redirects" && error?.errorClass == .permanent)
        #expect(error?.detail?.contains("after 3 redirects") == true)
        #expect(server.accepted == 1)
    }

    @Test(arguments: [
        (302, "POST", nil), (301, "PATCH", nil), (301, "PUT", "PUT"), (303, "POST", "GET"), (303, "PUT", "GET"),
        (307, "POST", "POST"), (308, "PATCH", "PATCH"), (302, "DELETE", "DELETE"),
    ])
    func `only what may be repeated is repeated`(status: Int, method: String, then: String?) async throws {
        let requests = Requests()
        let server = try redirecting(requests, status) { "/new" }
        let inputs: JSONValue = ["redirects": 5, "method": .string(method), "body": "text", "bearerToken": "t"]
        guard let then else {
            #expect(await failure(server.url("/old"), inputs)?.summary == "unexpected status \(status)")
            return #expect(requests.all.count == 1)
        }
        _ = try await perform(server.url("/old"), inputs)
        let last = try #require(requests.all.last)
        #expect(last.line == "\(then) /new HTTP/1.1")
        #expect(last.text == (then == "GET" ? "" : "text"))
        // The same origin, so the same credentials.
        #expect(last.value(of: "authorization") == "Bearer t")
    }

    @Test func `no credentials go to another origin, nor come back from there`() async throws {
        let (first, second) = (Requests(), Requests())
        let origin = Mutex("")
        let other = try server(second) { connection, _ in
            try connection.respond("307 Redirect", fields: ["Location: \(origin.withLock { $0 })/new"])
        }
        let server = try redirecting(first, 307) { "http://127.0.0.1:\(other.port)/there" }
        origin.withLock { $0 = "http://127.0.0.1:\(server.port)" }
        let inputs: JSONValue = [
            "redirects": 5, "basicAuth": ["username": "u", "password": "p"], "method": "POST", "body": ["a": 1],
            "headers": ["X-Api-Key": "k", "Cookie": "c", "Accept": "x/y"],
        ]
        #expect(try await perform(server.url("/old"), inputs)["body"] == "here")
        let names = ["authorization", "x-api-key", "cookie"]
        #expect(names.allSatisfy { first.all[0].value(of: $0) != nil })
        for request in [second.all[0], first.all[1]] {
            #expect(names.allSatisfy { request.value(of: $0) == nil })
            #expect(request.value(of: "accept") == "x/y" && request.value(of: "idempotency-key") == "key-1")
            #expect(request.text == #"{"a":1}"#)
        }
    }

    @Test func `a redirect that leads nowhere, or to where nothing is encrypted, is refused`() async throws {
        let nowhere = try redirecting(Requests(), 302) { "ftp://elsewhere/" }
        #expect(await failure(nowhere.url("/old"), ["redirects": 1])?.summary == "Redirect refused")
        let authority = try TestCertificate("authority", isAuthority: true)
        let identity = ServerIdentity(try TestCertificate("server", names: "IP:127.0.0.1", issuer: authority))
        let plain = try server(answer: { connection, _ in try connection.respond() })
        let encrypted = try server(Requests(), identity) { connection, _ in
            try connection.respond("302 Found", fields: ["Location: \(plain.url())"])
        }
        let inputs: JSONValue = [
            "redirects": 1, "tls": ["ca": .string(String(decoding: authority.pem, as: UTF8.self))],
        ]
        let error = await failure(encrypted.url(scheme: "https"), inputs)
        #expect(error?.summary == "Redirect refused" && error?.detail?.contains("not encrypted") == true)
        #expect(plain.accepted == 0)
    }

    // MARK: TLS

    @Test func `a call may have its own authority, server name and client certificate`() async throws {
        let authority = try TestCertificate("authority", isAuthority: true)
        let identity = ServerIdentity(
            try TestCertificate("server", names: "DNS:tiles.test", issuer: authority),
            clientAuthority: authority
        )
        let client = try TestCertificate("client", issuer: authority)
        let server = try server(Requests(), identity) { connection, _ in try connection.respond() }
        let url = server.url(scheme: "https")
        func text(_ pem: [UInt8]) -> JSONValue { .string(String(decoding: pem, as: UTF8.self)) }
        let complete: JSONValue = [
            "ca": text(authority.pem), "serverName": "tiles.test", "clientCertificate": text(client.pem),
            "clientKey": text(client.keyPEM),
        ]
        #expect(try await perform(url, ["tls": complete])["status"] == 200)
        for missing in ["ca", "serverName"] {
            let error = await failure(url, ["tls": complete.merging([missing: .null])])
            #expect(error?.summary == "TLS verification failed" && error?.errorClass == .permanent)
        }
        let trusting = complete.merging(["ca": .null, "serverName": .null, "insecureSkipVerify": true])
        #expect(try await perform(url, ["tls": trusting])["status"] == 200)
        let nameless = complete.merging(["clientCertificate": .null, "clientKey": .null])
        #expect(await failure(url, ["tls": nameless]) != nil)
        let malformed = await failure(url, ["tls": complete.merging(["clientKey": "no key at all"])])
        #expect(malformed?.description.contains("no key at all") == false)
    }

    // MARK: Inputs

    @Test func `bad inputs are refused with their path`() {
        for (inputs, words) in [
            (["url": "ftp://x"], "with.url: \"ftp://x\" is not an http:// or https:// URL"),
            (["redirects": 11], "with.redirects: must be at most 10"),
            (["maximumResponseBytes": 1_048_577], "with.maximumResponseBytes: must be at most 1048576"),
            (["output": "all"], "with.output: \"all\" is not one of body, status, none"),
            (["retryOn": [99]], "with.retryOn[0]: must be at least 100"),
            (["basicAuth": ["username": "u"]], "with.basicAuth.password: is required"),
            (["basicAuth": ["username": "u", "password": "p"], "bearerToken": "t"], "with: at most one of"),
            (["tls": ["clientKey": "k"]], "with.tls: clientCertificate and clientKey must be given together"),
            (["tls": ["verify": false]], "with.tls.verify: unknown field"),
        ] as [(JSONValue, String)] {
            let found = Steps.violations(action, (["url": "http://x"] as JSONValue).merging(inputs))
            #expect(found.count == 1 && found[0].hasPrefix(words), "\(found) begins with \(words)")
        }
    }
}
