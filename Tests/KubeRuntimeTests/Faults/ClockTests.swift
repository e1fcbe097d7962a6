import FaultServer
import Testing

/// Clocks that disagree.
@Suite(.timeLimit(.minutes(4))) struct ClockTests {
    @Test(arguments: ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 2999 23:59:59 GMT", "-1", "soon"])
    func `a time to come back that is no number of seconds is not waited for`(time: String) async throws {
        let server = try FaultyAPIServer(streamedLists: .refused)
        server.put("a", ["v": "1"])
        var answer = StatusAnswer.tooManyRequests(retryAfter: nil)
        answer.fields = [("Retry-After", time), ("Date", "Fri, 31 Dec 2999 23:59:59 GMT")]
        server.plan(.answer(answer), for: .lists)
        server.plan(.answer(answer), for: .plainWatches)
        try await server.followed { follower in
            await follower.converge(with: server)
            server.put("a", ["v": "2"])
            await follower.converge(with: server)
        }
        let lists = server.requests(.lists)
        #expect(lists.count == 2)
        // Nor is it taken for a wish to be asked again at once: the first pause of the backoff lies between.
        if let first = lists.first, let last = lists.last { #expect(last.time - first.time >= .milliseconds(20)) }
        #expect(server.relists == 2)
    }
}
