internal import Logging

/// Writes down which processes have ended, behind the engine's back: no run waits for it, and none fails with it.
final class Historian: Sendable {
    /// So many ends may wait for a store that does not answer; of more, the latest are lost.
    private static let backlog = 1000

    private let history: any ProcessHistory
    private let logger: Logger
    private let ends: AsyncStream<HistoryEntry>
    private let end: AsyncStream<HistoryEntry>.Continuation

    init(history: any ProcessHistory, logger: Logger) {
        self.history = history
        self.logger = logger
        (ends, end) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.backlog))
    }

    func note(_ entry: HistoryEntry) {
        guard case .dropped(let entry) = end.yield(entry) else { return }
        logger.warning("the history lacks the end of process \(entry.processId): too many wait to be recorded")
    }

    /// Records what is noted until the task is cancelled.
    func run() async {
        for await entry in ends {
            do {
                try await history.record(entry)
            } catch is CancellationError {
                return
            } catch {
                logger.warning("the history lacks the end of process \(entry.processId): \(error)")
            }
        }
    }
}
