import Actions
import JSON
import Logging
import ScriptedServers
import Synchronization
import Workflows

/// A step of no cluster.
enum Steps {
    static func context(
        process: String = "process-1",
        key: String = "key-1",
        attempt: Int = 1,
        time: TimeSource = .system
    ) -> StepContext {
        StepContext(
            processID: process,
            namespace: nil,
            step: "step",
            idempotencyKey: key,
            attempt: attempt,
            time: time,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// What an action finds wrong with inputs, as the engine says it.
    static func violations(_ action: any Action, _ inputs: JSONValue) -> [String] {
        action.inputSchema.violations(of: inputs).map { $0.inside("with").description }
    }
}

/// Keeps what is logged.
struct RecordingLogHandler: LogHandler {
    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    final class Lines: Sendable {
        private let content = Mutex<[String]>([])

        var all: [String] { content.withLock { $0 } }
        func add(_ line: String) { content.withLock { $0.append(line) } }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.add("\(event.message) \(event.metadata ?? [:])") }
}

/// What a server was sent.
final class Requests: Sendable {
    private let content = Mutex<[ReceivedRequest]>([])

    var all: [ReceivedRequest] { content.withLock { $0 } }
    var lines: [String] { all.map(\.line) }
    func add(_ request: ReceivedRequest) { content.withLock { $0.append(request) } }
}
