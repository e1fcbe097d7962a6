internal import HTTPTransport
internal import JSON

/// A part of a list.
public struct ListPage<Object: KubeObject>: Sendable {
    /// In the server's order.
    public let items: [Object]
    /// The version of the whole list, on its last page; a watch from here misses nothing.
    public let resourceVersion: String?
    /// Whether the objects of earlier pages come once more from here on, because the list they came from has expired.
    public let startsOver: Bool
    /// Whether the server has cut the list into pages, rather than sent it whole.
    public let isChunked: Bool
}

/// A list as it arrives, part by part.
///
/// With a page size the server is asked for one page after the other. Without one, or where servers answer from their
/// cache and ignore it (`ListVersion.any`), the whole list comes in one answer, which is handed on in parts while it
/// arrives: neither its bytes nor all its objects are ever held at once.
///
/// A list may expire while it is paged through (servers keep five minutes of history). It then starts over once, whole
/// (client-go `tools/pager`), with `ListPage.startsOver` set. Any other failure is thrown. Cancelling the task, or
/// dropping the iterator, ends the transfer.
public struct ListPages<Object: KubeObject>: AsyncSequence, Sendable {
    let resources: ResourceClient<Object>
    let selection: Selection
    let version: ListVersion
    let pageSize: Int?

    /// Sends the first request at the first call of `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(pages: self) }

    /// The parts of one list. Not to be shared between tasks.
    public struct Iterator: AsyncIteratorProtocol {
        private enum State {
            /// Moves to itself with the next token, to `streaming` when the token has expired, or to `finished`.
            case paging(continueToken: String?)
            /// Moves to `finished` at the end of the answer.
            case streaming(HTTPBody.AsyncIterator, ListReader<Object>)
            case finished
        }

        private let pages: ListPages
        private var state: State
        private var startsOver = false

        fileprivate init(pages: ListPages) {
            self.pages = pages
            state = .paging(continueToken: nil)
        }

        /// The next part, or nil after the last one.
        public mutating func next() async throws -> ListPage<Object>? {
            switch state {
            case .finished: return nil
            case .streaming(let body, let reader): return try await nextPart(body, reader)
            case .paging(let token):
                if token == nil, pages.pageSize == nil || pages.version == .any {
                    try await open(limit: pages.pageSize)
                    return try await next()
                }
                do {
                    return try await page(token)
                } catch let error as KubeError where error.code == .expired && token != nil {
                    startsOver = true
                    try await open(limit: nil)
                    return try await next()
                }
            }
        }

        private mutating func page(_ token: String?) async throws -> ListPage<Object> {
            state = .finished
            let list = try await pages.resources.page(
                pages.selection,
                at: pages.version,
                limit: pages.pageSize,
                continueToken: token
            )
            state = list.continueToken.map { .paging(continueToken: $0) } ?? .finished
            return ListPage(
                items: list.items,
                resourceVersion: list.continueToken == nil ? list.resourceVersion : nil,
                startsOver: false,
                isChunked: token != nil || list.continueToken != nil
            )
        }

        /// Asks for everything in one answer.
        private mutating func open(limit: Int?) async throws {
            state = .finished
            var request = pages.resources.listRequest(pages.selection, pages.version, limit, nil)
            // However long the whole takes, it must not fall silent for longer than a request may last.
            request.idleTimeout = pages.resources.client.requestTimeout
            let body = try await pages.resources.client.stream(request)
            state = .streaming(body.makeAsyncIterator(), ListReader(request.operation, pages.resources.onUnreadable))
        }

        private mutating func nextPart(
            _ body: HTTPBody.AsyncIterator,
            _ reader: ListReader<Object>
        ) async throws -> ListPage<Object>? {
            var body = body
            var reader = reader
            state = .finished
            var items: [Object] = []
            do {
                while let chunk = try await body.next() {
                    try reader.read(chunk) { items.append($0) }
                    guard items.isEmpty else {
                        state = .streaming(body, reader)
                        defer { startsOver = false }
                        return ListPage(items: items, resourceVersion: nil, startsOver: startsOver, isChunked: false)
                    }
                }
            } catch let error as TransferError {
                throw KubeClient.failure(error, pages.resources.operation("list"))
            }
            let list = try reader.finish(items)
            // A server that does cut a list out of its cache into pages.
            if let token = list.continueToken { state = .paging(continueToken: token) }
            defer { startsOver = false }
            return ListPage(
                items: list.items,
                resourceVersion: list.continueToken == nil ? list.resourceVersion : nil,
                startsOver: startsOver,
                isChunked: list.continueToken != nil
            )
        }
    }
}
