import HTTPTransport
import JSON
import KubeClient

// Lists. All but `pages` come from the server's cache in one answer.
extension Probe {
    /// The transport alone: what reading costs when nothing is decoded.
    func bytes() async throws -> Reading {
        let configuration = try cluster.configuration(compression: gzip)
        let transport = try HTTPTransport(HTTPTransport.Configuration(tls: configuration.tls))
        defer { transport.shutdown() }
        func stream(_ path: String) async throws -> HTTPBody {
            var request = HTTPRequest(url: configuration.server + path)
            if case .token(let token) = configuration.credentials {
                request.headers.set("Authorization", "Bearer \(token)")
            }
            request.acceptsCompression = gzip
            return try await transport.stream(request).body
        }
        _ = try await stream("/version").collect(upTo: 1 << 20)
        let meter = try Meter(cluster.servers)
        var total = 0
        for try await chunk in try await stream(Sample.path(namespace: namespace) + "?resourceVersion=0") {
            total += chunk.count
        }
        // The bytes stand for the objects, which nobody has counted.
        return try meter.read(count: total > count * 1000 ? count : 0)
    }

    /// All objects, held at once.
    func typed() async throws -> Reading {
        let client = try await cluster.client(compression: gzip)
        defer { client.shutdown() }
        let meter = try Meter(cluster.servers)
        let list = try await client.resources(Sample.self, namespace: namespace).list(at: .any, pageSize: nil)
        return try meter.read(count: list.items.count)
    }

    /// Each object let go as soon as it has come.
    func streamed() async throws -> Reading {
        let client = try await cluster.client(compression: gzip)
        defer { client.shutdown() }
        let meter = try Meter(cluster.servers)
        var seen = 0
        for try await page in client.resources(Sample.self, namespace: namespace).pages(at: .any) {
            seen += page.items.count
        }
        return try meter.read(count: seen)
    }

    /// Objects of a kind known only at run time.
    func dynamic() async throws -> Reading {
        let client = try await cluster.client(compression: gzip)
        defer { client.shutdown() }
        let meter = try Meter(cluster.servers)
        let list = try await client.resources(Sample.api, namespace: namespace).list(at: .any, pageSize: nil)
        return try meter.read(count: list.items.count)
    }

    /// Pages of 500, which the server reads from etcd.
    func pages() async throws -> Reading {
        let client = try await cluster.client(compression: gzip)
        defer { client.shutdown() }
        let meter = try Meter(cluster.servers)
        let list = try await client.resources(Sample.self, namespace: namespace).list()
        return try meter.read(count: list.items.count)
    }
}
