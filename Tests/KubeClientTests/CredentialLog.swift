import Logging
import Synchronization

/// What was logged at a level and above, with its metadata.
final class CredentialLog: Sendable {
    private let messages = Mutex<[String]>([])
    private let level: Logger.Level

    init(_ level: Logger.Level = .warning) { self.level = level }

    var lines: [String] { messages.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self, logLevel: self.level) } }

    private struct Handler: LogHandler {
        let log: CredentialLog
        var logLevel: Logger.Level
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.messages.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }
}
