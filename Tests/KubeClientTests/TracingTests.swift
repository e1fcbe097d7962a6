import FaultServer
import InMemoryTracing
import Instrumentation
import JSON
import Testing
import Tracing

@testable import KubeClient

@Suite(.timeLimit(.minutes(4))) struct TracingTests {
    /// Keeps spans in memory, and tells servers of them as W3C Trace Context does.
    private struct W3CTracer: Tracer {
        let spans = InMemoryTracer(
            idGenerator: .init(
                nextTraceID: { "0af7651916cd43dd8448eb211c80319c" },
                nextSpanID: { "b7ad6b7169203331" }
            )
        )

        func startSpan<Instant: TracerInstant>(
            _ operationName: String,
            context: @autoclosure () -> ServiceContext,
            ofKind kind: SpanKind,
            at instant: @autoclosure () -> Instant,
            function: String,
            file fileID: String,
            line: UInt
        ) -> InMemorySpan {
            spans.startSpan(
                operationName,
                context: context(),
                ofKind: kind,
                at: instant(),
                function: function,
                file: fileID,
                line: line
            )
        }

        func forceFlush() {}

        func inject<Carrier, Inject: Injector>(
            _ context: ServiceContext,
            into carrier: inout Carrier,
            using injector: Inject
        ) where Inject.Carrier == Carrier {
            guard let span = spans.activeSpan(identifiedBy: context) else { return }
            injector.inject("00-\(span.traceID)-\(span.spanID)-01", forKey: "traceparent", into: &carrier)
        }

        func extract<Carrier, Extract: Extractor>(
            _ carrier: Carrier,
            into context: inout ServiceContext,
            using extractor: Extract
        ) where Extract.Carrier == Carrier {}
    }

    private let server: FaultyAPIServer
    private let tracer = W3CTracer()

    init() throws {
        server = try FaultyAPIServer()
        server.put("a")
    }

    private func withClient(_ body: (KubeClient) async throws -> Void) async throws {
        let client = try server.client(tracer: tracer)
        defer { client.shutdown() }
        try await body(client)
    }

    @Test func `a request is a client span that says what was asked and what came back`() async throws {
        try await withClient { client in
            _ = try await client.configMaps.list(Selection(labelSelector: "a=b"))
            let span = try #require(tracer.spans.finishedSpans.first)
            #expect(tracer.spans.finishedSpans.count == 1)
            #expect(span.operationName == "kubernetes list")
            #expect(span.kind == .client)
            #expect(span.attributes["http.request.method"]?.toSpanAttribute() == "GET")
            #expect(span.attributes["url.path"]?.toSpanAttribute() == "/api/v1/namespaces/default/configmaps")
            #expect(span.attributes["k8s.operation"]?.toSpanAttribute() == "list configmaps in namespace \"default\"")
            #expect(span.attributes["http.response.status_code"]?.toSpanAttribute() == 200)
            #expect(span.errors.isEmpty)
            #expect(span.status == nil)
        }
    }

    @Test func `a failure is recorded`() async throws {
        try await withClient { client in
            await #expect(throws: KubeError.self) { try await client.configMaps.get("none") }
            let span = try #require(tracer.spans.finishedSpans.first)
            #expect((span.errors.first?.error as? KubeError)?.code == .notFound)
            #expect(span.status?.code == .error)
            #expect(span.attributes["http.response.status_code"]?.toSpanAttribute() == 404)
        }
    }

    @Test func `retries are events of one span, and each attempt goes out in its context`() async throws {
        server.plan(.answer(.tooManyRequests(retryAfter: 1)), for: .any, times: 2)
        try await withClient { client in
            _ = try await client.configMaps.get("a")
            #expect(tracer.spans.finishedSpans.map { $0.events.map(\.name) } == [["retry", "retry"]])
            let expected = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            #expect(server.requests.map { $0.field("traceparent") } == [expected, expected, expected])
        }
    }

    @Test func `a span belongs to the one around it`() async throws {
        try await withClient { client in
            try await tracer.withSpan("outer") { span in
                _ = try await client.configMaps.get("a")
                #expect(tracer.spans.finishedSpans.first?.parentSpanID == span.spanID)
            }
        }
    }
}
