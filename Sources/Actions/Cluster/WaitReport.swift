internal import JSON
internal import Synchronization
internal import Workflows

/// What a step waits for at the moment, for the error when it has waited too long.
final class WaitReport: Sendable {
    private let content: Mutex<String>

    /// - Parameter inputs: of the step; they name the object.
    init(_ inputs: JSONValue) {
        let object = "\(inputs["kind"]?.string ?? "") \(inputs["name"]?.string ?? "")"
        content = Mutex("\(object): the API server has not answered yet")
    }

    /// As people read it.
    var text: String { content.withLock { $0 } }

    func note(_ text: String) { content.withLock { $0 = text } }
}

extension StepContext {
    /// Does something within a time limit, and cancels it when that is over.
    /// - Throws: `StepError` of the class `timeout` with what the report says then.
    func within<Result: Sendable>(
        _ limit: Duration,
        _ report: WaitReport,
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await body() }
            group.addTask {
                try await time.sleep(for: limit)
                let detail = "after \(limit), still waiting: \(report.text)"
                throw StepError(.timeout, StepError.timeoutExceeded.summary, detail: detail)
            }
            guard let result = try await group.next() else { throw CancellationError() }
            return result
        }
    }
}
