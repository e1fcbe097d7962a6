internal import HTTPTransport
internal import JSON

extension ResourceClient {
    /// How many objects a page has unless asked otherwise (client-go `tools/pager`, kubectl `--chunk-size`).
    public static var defaultPageSize: Int { 500 }

    /// Reads a list.
    /// - Parameters:
    ///   - selection: narrows the list on the server.
    ///   - version: how fresh it has to be.
    ///   - pageSize: at most so many objects are asked for at once; nil for all at once. Servers ignore it for lists out of
    ///     their cache.
    public func list(
        _ selection: Selection = Selection(),
        at version: ListVersion = .newest,
        pageSize: Int? = defaultPageSize
    ) async throws -> ObjectList<Object> {
        var items: [Object] = []
        var resourceVersion = ""
        for try await page in pages(selection, at: version, pageSize: pageSize) {
            if page.startsOver { items = [] }
            items += page.items
            resourceVersion = page.resourceVersion ?? resourceVersion
        }
        return ObjectList(items: items, resourceVersion: resourceVersion, continueToken: nil, remainingItemCount: nil)
    }

    /// Reads a list page by page, so that no more than a page need be held at once. See `list(_:at:pageSize:)`.
    public func pages(
        _ selection: Selection = Selection(),
        at version: ListVersion = .newest,
        pageSize: Int? = defaultPageSize
    ) -> ListPages<Object> {
        ListPages(resources: self, selection: selection, version: version, pageSize: pageSize)
    }

    /// Reads one page, for a caller that keeps continue tokens itself, such as an API that pages in turn.
    /// - Parameters:
    ///   - limit: at most so many objects; the rest follows by `continueToken`.
    ///   - continueToken: from the page before; the selection must be the same.
    public func page(
        _ selection: Selection = Selection(),
        at version: ListVersion = .newest,
        limit: Int? = nil,
        continueToken: String? = nil
    ) async throws -> ObjectList<Object> {
        let request = listRequest(selection, version, limit, continueToken)
        var reader = ListReader<Object>(request.operation, onUnreadable)
        var items: [Object] = []
        try reader.read(try await client.send(request)) { items.append($0) }
        return try reader.finish(items)
    }

    func listRequest(
        _ selection: Selection,
        _ version: ListVersion,
        _ limit: Int?,
        _ continueToken: String?
    ) -> KubeRequest {
        var query = selection.query
        // The token stands for the version of the first page.
        if continueToken == nil { query += version.query }
        if let limit { query.append(("limit", String(limit))) }
        if let continueToken { query.append(("continue", continueToken)) }
        return KubeRequest(
            operation: operation("list"),
            path: api.path(namespace: namespace),
            query: query,
            accept: Object.accept(isList: true)
        )
    }
}
