import Stores
import Synchronization
import Testing
import Workflows

/// Documents in memory, and how they get to a durable store.
@Suite struct FallbackDocumentStoreTests {
    private let memory = InMemoryDocumentStore()
    private let durable = InMemoryDocumentStore()

    private func state(_ id: String, epoch: Int, version: Int) -> StoredDocument {
        StoredDocument(
            Array(
                (#"{"schemaVersion":2,"processId":"\#(id)","epoch":\#(epoch),"version":\#(version),"status":"Running","#
                    + #""definition":{"name":"d","steps":[{"name":"a","action":"echo"}]},"steps":[]}"#).utf8
            )
        )
    }

    @Test func `everything is moved once, and then the durable store is worked on`() async throws {
        let store = FallbackDocumentStore(memory: memory, durable: durable)
        let document = state("p", epoch: 1, version: 3)
        let part = DocumentKey.part(processID: "p", digest: "d")
        #expect(try await store.create(.state(processID: "p"), document, timeToLive: .seconds(60)) == .committed)
        _ = try await store.create(part, StoredDocument([1]), timeToLive: .seconds(60))
        _ = try await store.create(.heartbeat(replica: "a"), StoredDocument([2]), timeToLive: .seconds(60))
        #expect(!store.isDurable)
        #expect(durable.contents.isEmpty)
        let merge = try await store.merge()
        #expect(merge.moved == 2)
        #expect(merge.outranked == [])
        #expect(durable.load(.state(processID: "p")) == document)
        #expect(durable.load(part)?.bytes == [1])
        #expect(durable.load(.heartbeat(replica: "a")) == nil, "who is alive shows itself")
        let next = state("p", epoch: 1, version: 4)
        let result = try await store.commit(
            .state(processID: "p"),
            next,
            replacing: document.digest,
            timeToLive: .seconds(60)
        )
        #expect(result == .committed, "an owner goes on where it was")
        #expect(durable.load(.state(processID: "p")) == next)
    }

    @Test(arguments: [(2, 1, true), (1, 5, true), (1, 3, false), (1, 2, false)])
    func `of two states of a process the later one stays`(epoch: Int, version: Int, isOutranked: Bool) async throws {
        let store = FallbackDocumentStore(memory: memory, durable: durable)
        let key = DocumentKey.state(processID: "p")
        _ = durable.create(key, state("p", epoch: epoch, version: version), timeToLive: .seconds(60))
        _ = memory.create(key, state("p", epoch: 1, version: 4), timeToLive: .seconds(60))
        let merge = try await store.merge()
        #expect(merge.outranked == (isOutranked ? ["p"] : []))
        let expected = isOutranked ? state("p", epoch: epoch, version: version) : state("p", epoch: 1, version: 4)
        #expect(durable.load(key) == expected)
    }

    @Test func `a durable store that fails leaves everything in memory, to be tried again`() async throws {
        let flaky = FailingOnce(base: durable)
        let store = FallbackDocumentStore(memory: memory, durable: flaky)
        _ = memory.create(.state(processID: "p"), state("p", epoch: 1, version: 1), timeToLive: .seconds(60))
        await #expect(throws: StoreUnavailable.self) { _ = try await store.merge() }
        #expect(try await store.load(.state(processID: "p")) != nil)
        #expect(!store.isDurable)
        #expect(try await store.merge().moved == 1)
        #expect(store.isDurable)
    }
}

/// The first creation fails.
private final class FailingOnce: DocumentStore {
    private let base: InMemoryDocumentStore
    private let hasFailed = Mutex(false)

    init(base: InMemoryDocumentStore) { self.base = base }

    var name: String { "flaky" }
    var isDurable: Bool { true }
    func load(_ key: DocumentKey) -> StoredDocument? { base.load(key) }
    func create(_ key: DocumentKey, _ document: StoredDocument, timeToLive: Duration) throws -> CommitResult {
        let isFirst = hasFailed.withLock { hasFailed in
            defer { hasFailed = true }
            return !hasFailed
        }
        if isFirst { throw StoreUnavailable("the test broke it") }
        return base.create(key, document, timeToLive: timeToLive)
    }
    func commit(
        _ key: DocumentKey,
        _ document: StoredDocument,
        replacing previous: String,
        timeToLive: Duration
    ) -> CommitResult {
        base.commit(key, document, replacing: previous, timeToLive: timeToLive)
    }
    func renew(_ keys: [DocumentKey], timeToLive: Duration) { base.renew(keys, timeToLive: timeToLive) }
    func delete(_ keys: [DocumentKey]) { base.delete(keys) }
}
