import TestClock
import Testing

@testable import Workflows

/// Time in the store in memory. What else it does is in `DocumentStoreContractTests`.
@Suite struct InMemoryDocumentStoreTests {
    private let key = DocumentKey.state(processID: "p")
    private let hour = Duration.seconds(3600)

    private func document(_ text: String) -> StoredDocument { StoredDocument(Array(text.utf8)) }

    @Test func `documents in memory live on when they are renewed, and what is gone stays gone`() async throws {
        let clock = ManualClock()
        let store = InMemoryDocumentStore(time: TimeSource(clock))
        _ = store.create(key, document("1"), timeToLive: .seconds(10))
        store.renew([key, .lock(name: "none")], timeToLive: .seconds(20))
        clock.advance(by: .seconds(15))
        #expect(store.load(key) != nil)
        #expect(store.load(.lock(name: "none")) == nil)
        clock.advance(by: .seconds(5))
        store.renew([key], timeToLive: .seconds(20))
        #expect(store.load(key) == nil)
    }

    @Test func `documents in memory expire, and expired ones are forgotten`() async throws {
        let clock = ManualClock()
        let store = InMemoryDocumentStore(time: TimeSource(clock))
        #expect(store.create(key, document("1"), timeToLive: .seconds(10)) == .committed)
        clock.advance(by: .seconds(9))
        #expect(store.load(key) != nil)
        clock.advance(by: .seconds(1))
        #expect(store.load(key) == nil)
        #expect(store.commit(key, document("2"), replacing: document("1").digest, timeToLive: hour) == .missing)
    }
}
