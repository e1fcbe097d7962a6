import FaultServer
import JSON
import Metrics
import MetricsTestKit
import Testing

@testable import KubeClient

@Suite(.timeLimit(.minutes(4))) struct RequestMetricsTests {
    private let server: FaultyAPIServer
    private let metrics = TestMetrics()

    init() throws {
        server = try FaultyAPIServer()
        server.put("a")
    }

    private var host: (String, String) { ("host", String(server.url.dropFirst("http://".count))) }

    private func withConfigMaps(_ body: (ResourceClient<ConfigMap>) async throws -> Void) async throws {
        let client = try server.client(metrics: metrics)
        defer { client.shutdown() }
        try await body(client.configMaps)
    }

    private func count(_ code: String, _ method: String) throws -> Int64 {
        try metrics.expectCounter("rest_client_requests_total", [("code", code), ("method", method), host]).totalValue
    }

    @Test func `each answer is counted by code, method and host`() async throws {
        try await withConfigMaps { configMaps in
            _ = try await configMaps.get("a")
            _ = try await configMaps.list()
            _ = try? await configMaps.get("none")
            _ = try await configMaps.create(ConfigMap("b"))
            #expect(try count("200", "GET") == 2)
            #expect(try count("404", "GET") == 1)
            #expect(try count("201", "POST") == 1)
            #expect(metrics.counters(label: "rest_client_requests_total").count == 3)
        }
    }

    @Test func `a request without an answer has the code error`() async throws {
        server.refuse()
        try await withConfigMaps { configMaps in
            _ = try? await configMaps.get("a")
            let errors = try count("<error>", "GET")
            #expect(errors == 1)
            #expect(metrics.counters.count == 1)
        }
    }

    @Test func `retries are counted by what they follow, attempts each for itself`() async throws {
        server.plan(.answer(.tooManyRequests(retryAfter: 1)), for: .any, times: 2)
        try await withConfigMaps { configMaps in
            _ = try await configMaps.get("a")
            let dimensions = [("code", "429"), ("verb", "get"), host]
            #expect(try metrics.expectCounter("rest_client_request_retries_total", dimensions).totalValue == 2)
            #expect(try count("429", "GET") == 2)
            #expect(try count("200", "GET") == 1)
        }
    }

    @Test func `times and sizes are by verb`() async throws {
        try await withConfigMaps { configMaps in
            _ = try await configMaps.get("a")
            _ = try await configMaps.patch("a", .merge(["data": ["k": "v"]]))
            for label in ["rest_client_request_duration_seconds", "rest_client_rate_limiter_duration_seconds"] {
                for verb in ["get", "patch"] {
                    let timer = try metrics.expectTimer(label, [("verb", verb), host])
                    #expect(timer.values.count == 1)
                    #expect(timer.values.allSatisfy { $0 >= 0 })
                }
                #expect(metrics.timers(label: label).count == 2)
            }
            let sent = try metrics.expectRecorder("rest_client_request_size_bytes", [("verb", "patch"), host])
            #expect(sent.values == [Double(#"{"data":{"k":"v"}}"#.utf8.count)])
            #expect(metrics.recorders(label: "rest_client_request_size_bytes").count == 1)
            let received = try metrics.expectRecorder("rest_client_response_size_bytes", [("verb", "patch"), host])
            #expect(received.values == [Double(server.objects()[0].serialized().count)])
        }
    }

    @Test func `a user in the address of the server is no label`() async throws {
        let address = server.url.replacing("http://", with: "http://user:secret@")
        let client = try server.client({ $0.server = address }, metrics: metrics)
        defer { client.shutdown() }
        _ = try await client.configMaps.get("a")
        #expect(try count("200", "GET") == 1)
    }
}
