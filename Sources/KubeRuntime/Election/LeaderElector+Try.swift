internal import JSON
internal import Metrics
internal import Synchronization

extension LeaderElector {
    /// One try: asks and answers until the election rests.
    /// - Parameters:
    ///   - end: no request goes on after it.
    ///   - stop: ends a read. A write is awaited all the same: were it carried out unnoticed, nobody would lead until the
    ///     lease expired.
    func attempt(
        _ election: inout Election,
        until end: Duration = .seconds(Int64(Int32.max)),
        orReadUntil stop: ElectionSignal? = nil
    ) async -> Election.Standing {
        var event = Election.Event.due
        while true {
            let wasLeading = election.term != nil
            let step = election.step(event, at: clock.now(), wallTime: .now)
            observe(election.holder)
            switch step {
            case .rest(let standing):
                return standing
            case .read:
                if wasLeading { slowPath.increment() }
                event = await answer(until: end, or: stop) { .read(try await self.storage.read()) }
            case .create(let lease):
                event = await answer(until: end) {
                    try await self.storage.create(lease).map { .stored($0) } ?? .refused
                }
            case .update(let lease):
                event = await answer(until: end) {
                    try await self.storage.update(lease).map { .stored($0) } ?? .refused
                }
            }
        }
    }

    private func answer(
        until end: Duration,
        or stop: ElectionSignal? = nil,
        _ request: @escaping @Sendable () async throws -> Election.Event
    ) async -> Election.Event {
        do {
            return try await bounded(until: end, or: stop, request)
        } catch {
            return .failed("\(error)")
        }
    }

    /// The result of a request, unless it takes longer than the request timeout, or than until `end`.
    ///
    /// The request is cancelled then.
    func bounded<Value: Sendable>(
        until end: Duration,
        or stop: ElectionSignal? = nil,
        _ request: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let limit = min(clock.now() + timing.requestTimeout, end)
        return try await withThrowingTaskGroup(of: Value.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await request() }
            group.addTask { [clock, timing] in
                try await clock.sleep(limit)
                throw LeaseRequestTimeout(limit: timing.requestTimeout)
            }
            if let stop {
                group.addTask {
                    await stop.wait()
                    throw CancellationError()
                }
            }
            guard let result = try await group.next() else { throw CancellationError() }
            return result
        }
    }
}

struct LeaseRequestTimeout: Error, CustomStringConvertible {
    let limit: Duration

    var description: String { "no answer about the lease within \(limit), or before the renew deadline" }
}
