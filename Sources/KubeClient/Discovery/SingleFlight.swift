internal import Synchronization

/// Runs work once for all who want its result at the same time.
///
/// Who comes while the work for a key is under way waits for that result; who comes later starts it again. A caller
/// that is cancelled throws `CancellationError` at once; the work goes on for the others and is cancelled with the last.
final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Flight {
        let number: Int
        let task: Task<Void, Never>
        var waiting: [Int: CheckedContinuation<Value, any Error>] = [:]
    }

    private struct State {
        var flights: [Key: Flight] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    /// The result of the work under way for this key, or of `work`.
    func value(for key: Key, _ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let caller = state.withLock { state in
            state.next += 1
            return state.next
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let joined = state.withLock { state in
                    // Under the lock that `leave` takes: cancelled before, it is seen here; after, `leave` finds the caller.
                    guard !Task.isCancelled else { return false }
                    var flight = state.flights[key] ?? Flight(number: caller, task: fly(key, number: caller, work))
                    flight.waiting[caller] = continuation
                    state.flights[key] = flight
                    return true
                }
                if !joined { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            leave(key, caller)
        }
    }

    /// The task is unstructured since it belongs to all who wait. It ends by itself, or is cancelled when the last has left.
    private func fly(_ key: Key, number: Int, _ work: @escaping @Sendable () async throws -> Value) -> Task<Void, Never>
    {
        Task {
            let result: Result<Value, any Error>
            do { result = .success(try await work()) } catch { result = .failure(error) }
            let waiting = state.withLock { state -> [CheckedContinuation<Value, any Error>] in
                // All may have left, and others come for a new one.
                guard let flight = state.flights[key], flight.number == number else { return [] }
                state.flights[key] = nil
                return Array(flight.waiting.values)
            }
            for continuation in waiting { continuation.resume(with: result) }
        }
    }

    private func leave(_ key: Key, _ caller: Int) {
        let (continuation, abandoned) = state.withLock { state in
            guard let continuation = state.flights[key]?.waiting.removeValue(forKey: caller) else {
                return (nil as CheckedContinuation<Value, any Error>?, nil as Task<Void, Never>?)
            }
            guard let flight = state.flights[key], flight.waiting.isEmpty else { return (continuation, nil) }
            state.flights[key] = nil
            return (continuation, flight.task)
        }
        continuation?.resume(throwing: CancellationError())
        abandoned?.cancel()
    }
}
