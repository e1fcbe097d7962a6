import FaultServer
import HTTPTransport
import JSON
import Testing

@testable import KubeClient

@Suite(.timeLimit(.minutes(4))) struct ListTests {
    private let server: FaultyAPIServer

    init() throws { server = try FaultyAPIServer() }

    private func fill(_ count: Int) {
        for number in 0..<count { server.put("c\(10_000 + number)") }
    }

    private func withConfigMaps(_ body: (ResourceClient<ConfigMap>) async throws -> Void) async throws {
        let client = try server.client()
        defer { client.shutdown() }
        try await body(client.configMaps)
    }

    private func names(_ list: [ConfigMap]) -> [String] { list.map(\.metadata.name) }

    private var allNames: [String] { server.objects().compactMap { $0[path: "metadata", "name"]?.string } }

    @Test func `a long list comes in pages of 500`() async throws {
        fill(1100)
        try await withConfigMaps { configMaps in
            let list = try await configMaps.list()
            #expect(names(list.items) == allNames)
            #expect(list.resourceVersion == String(server.version))
            #expect(list.continueToken == nil)
            #expect(server.requests.map { $0.query["limit"] } == ["500", "500", "500"])
            #expect(server.requests.map { $0.query["continue"] != nil } == [false, true, true])
            #expect(server.requests.allSatisfy { $0.query["resourceVersion"] == nil })
        }
    }

    @Test func `a list that expires on its second page starts over once, whole`() async throws {
        fill(7)
        server.plan(.answer(.expired), for: .laterPages, times: 10)
        try await withConfigMaps { configMaps in
            var parts: [ListPage<ConfigMap>] = []
            for try await page in configMaps.pages(pageSize: 3) { parts.append(page) }
            #expect(names(parts[0].items) == Array(allNames.prefix(3)))
            #expect(parts.map(\.startsOver) == [false, true] + parts.dropFirst(2).map { _ in false })
            #expect(names(parts.dropFirst().flatMap(\.items)) == allNames)
            #expect(parts.map(\.resourceVersion).dropLast().allSatisfy { $0 == nil })
            #expect(parts.last?.resourceVersion == String(server.version))
            #expect(server.requests.map { $0.query["limit"] } == ["3", "3", nil])
            #expect(server.requests[2].query["continue"] == nil)

            #expect(names(try await configMaps.list(pageSize: 3).items) == allNames)
        }
    }

    @Test func `a list that expires as a whole is not asked for again`() async throws {
        fill(7)
        server.plan(
            .answer(.expired),
            for: RequestPattern { $0.query["limit"] == nil || $0.query["continue"] != nil },
            times: 9
        )
        try await withConfigMaps { configMaps in
            let error = await #expect(throws: KubeError.self) { try await configMaps.list(pageSize: 3) }
            #expect(error?.code == .expired)
            #expect(server.requests.count == 3)
        }
    }

    @Test func `pages end with the first failure`() async throws {
        fill(7)
        server.plan(.answer(.internalError), for: .laterPages)
        try await withConfigMaps { configMaps in
            var pages = configMaps.pages(pageSize: 3).makeAsyncIterator()
            let first = try await pages.next()
            #expect(first?.items.count == 3)
            var code: KubeError.Code?
            do { _ = try await pages.next() } catch let error as KubeError { code = error.code }
            #expect(code == .serverError(status: 500))
            let last = try await pages.next()
            #expect(last == nil)
        }
    }

    @Test(arguments: [ListVersion.any, .newest])
    func `a whole list is handed on while it arrives`(version: ListVersion) async throws {
        fill(7)
        let cut = server.listDocument().serialized().count - 300
        server.plan(.cut(afterBytes: cut, .silence), for: .lists)
        try await withConfigMaps { configMaps in
            // The iterator's end closes the connection, which would stay open for half a minute.
            var pages = configMaps.pages(at: version, pageSize: version == .any ? 500 : nil).makeAsyncIterator()
            let first = try await pages.next()
            #expect(first?.items.isEmpty == false)
            #expect(first?.isChunked == false)
            #expect(first?.resourceVersion == nil)
        }
    }

    @Test(arguments: [(ListVersion.any, nil), (.newest, Int?.none)])
    func `a whole list holds every object once`(version: ListVersion, pageSize: Int?) async throws {
        fill(20)
        try await withConfigMaps { configMaps in
            let list = try await configMaps.list(at: version, pageSize: version == .any ? 3 : pageSize)
            #expect(names(list.items) == allNames)
            #expect(list.resourceVersion == String(server.version))
            #expect(server.requests.count == 1)
        }
    }

    @Test func `a server that pages its cache is followed`() async throws {
        fill(7)
        server.configure(ignoresLimitAtZero: false)
        try await withConfigMaps { configMaps in
            let list = try await configMaps.list(at: .any, pageSize: 3)
            #expect(names(list.items) == allNames)
            #expect(server.requests.count == 3)
        }
    }

    @Test func `a streamed list that is cut off is an error, not a shorter list`() async throws {
        fill(7)
        let cut = server.listDocument().serialized().count - 300
        for ending in [Fault.Ending.close, .truncation] {
            server.plan(.cut(afterBytes: cut, ending), for: .lists)
            try await withConfigMaps { configMaps in
                await #expect(throws: KubeError.self) { try await configMaps.list(pageSize: nil) }
            }
        }
    }

    @Test func `versions and selectors go into the query`() async throws {
        server.put("a", labels: ["app": "x y"])
        let version = String(server.version)
        let selection = Selection(labelSelector: "app in (x y,ü&z=1+2)", fieldSelector: "metadata.name=a")
        try await withConfigMaps { configMaps in
            for wanted in [ListVersion.newest, .any, .notOlderThan(version), .exact(version)] {
                _ = try? await configMaps.list(selection, at: wanted)
            }
            let queries = server.requests.map(\.query)
            #expect(queries.map { $0["resourceVersion"] } == [nil, "0", version, version])
            #expect(queries.map { $0["resourceVersionMatch"] } == [nil, nil, "NotOlderThan", "Exact"])
            #expect(queries.allSatisfy { $0["labelSelector"] == selection.labelSelector })
            #expect(queries.allSatisfy { $0["fieldSelector"] == selection.fieldSelector })
            let request = configMaps.listRequest(selection, .newest, nil, nil)
            #expect(
                URLEncoding.query(request.query)
                    == "?labelSelector=app%20in%20%28x%20y%2C%C3%BC%26z%3D1%2B2%29&fieldSelector=metadata.name%3Da"
            )
        }
    }

    @Test func `one page is left to a caller who keeps the token`() async throws {
        fill(5)
        try await withConfigMaps { configMaps in
            let first = try await configMaps.page(limit: 2)
            #expect(first.remainingItemCount == 3)
            let second = try await configMaps.page(at: .any, limit: 2, continueToken: first.continueToken)
            #expect(names(first.items + second.items) == Array(allNames.prefix(4)))
        }
    }
}

@Suite struct ListReaderTests {
    private func read(_ text: String) throws -> ObjectList<ConfigMap> {
        var reader = ListReader<ConfigMap>(
            KubeOperation(verb: "list", resource: "configmaps", name: nil, namespace: nil)
        )
        var items: [ConfigMap] = []
        try reader.read(Array(text.utf8)) { items.append($0) }
        return try reader.finish(items)
    }

    @Test(arguments: [#""items": null, "#, "", #""items": [], "#])
    func `a list without items is empty`(items: String) throws {
        let list = try read("{\(items)\"metadata\": {\"resourceVersion\": \"7\"}}")
        #expect(list.items.isEmpty)
        #expect(list.resourceVersion == "7")
    }

    @Test func `a list of what is not stored has no version`() throws {
        #expect(try read(#"{"metadata": {}, "items": [{"metadata": {"name": "a"}}]}"#).resourceVersion == "")
    }

    @Test func `an item that cannot be read is named by its index and its field, without its value`() {
        let error = #expect(throws: KubeError.self) {
            try read(
                #"{"metadata": {}, "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": {"x": "hidden"}}}]}"#
            )
        }
        #expect(error?.code == .unreadable)
        #expect(error?.message.hasPrefix("items[1]: ") == true)
        #expect(error?.message.contains("metadata.name") == true)
        #expect(error?.message.contains("hidden") == false)
    }

    @Test(arguments: [
        "{}", "[]", "", #"{"kind": "Status"}"#, #"{"metadata": {}, "items": [{}"#, #"{"metadata": {}, "items": {}}"#,
    ])
    func `what is no list is no empty list`(text: String) {
        let error = #expect(throws: KubeError.self) { try read(text) }
        #expect(error?.code == .unreadable)
    }
}
