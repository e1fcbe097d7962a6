import Testing

@testable import HTTPTransport

@Suite(.timeLimit(.minutes(4)))
struct OutcomeTests {
    @Test func `the first decision counts`() async throws {
        let outcome = Outcome<Int>()
        #expect(!outcome.isSettled)
        #expect(outcome.settle(.success(1)))
        #expect(outcome.isSettled)
        #expect(!outcome.settle(.success(2)))
        #expect(try await outcome.value().get() == 1)
        #expect(outcome.isSettled)
        #expect(!outcome.settle(.success(3)))
    }

    @Test func `of many who decide at once, one wins, and the one who waits is told once`() async throws {
        for _ in 0..<200 {
            let outcome = Outcome<Int>()
            try await withThrowingTaskGroup(of: Int?.self) { group in
                group.addTask { try await outcome.value().get() }
                for number in 0..<10 { group.addTask { outcome.settle(.success(number)) ? number : nil } }
                let results = try await group.reduce(into: []) { $0 += $1.map { [$0] } ?? [] }
                #expect(results.count == 2)
                #expect(results.first == results.last)
            }
        }
    }
}
