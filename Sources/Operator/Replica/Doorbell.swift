internal import Logging
internal import Workflows

/// Listens for commands that any replica has left for processes.
struct Doorbell: Sendable {
    /// How long a command waits at most for its process to be told.
    private static let interval: Duration = .seconds(1)

    let inbox: CommandInbox
    let logger: Logger
    let onNews: @Sendable (CommandInbox.News) -> Void

    /// Listens until the task is cancelled.
    func listen() async {
        var last: String?
        var isSilent = false
        repeat {
            do {
                if let news = try await inbox.news(since: &last) { onNews(news) }
                isSilent = false
            } catch is CancellationError {
                return
            } catch {
                if !isSilent { logger.warning("commands cannot be read: \(error)") }
                isSilent = true
            }
        } while (try? await Task.sleep(for: Self.interval)) != nil
    }
}
