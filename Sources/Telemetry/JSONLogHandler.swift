internal import JSON
public import Logging

/// Writes one JSON object a line, in the order in which people and scripts search it: the process id stands before the
/// message.
///
/// A line has `timestamp`, `level`, `category`, `process_id` (empty for lines about no process) and `message`, then the
/// other metadata. Levels are lower-case words.
public struct JSONLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let output: LogOutput

    /// A handler for one category.
    public init(label: String, level: Logger.Level, output: LogOutput = .standardOutput) {
        self.label = label
        logLevel = level
        self.output = output
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes the line at once: the last words of a process that dies are not lost in a buffer.
    public func log(event: LogEvent) {
        var fields = fields(of: event)
        let processID = fields.removeValue(forKey: "process_id").map { "\($0)" } ?? ""
        var line = "{\"timestamp\":\(Self.quoted(Timestamp.now.description)),\"level\":\"\(Self.word(event.level))\""
        line += ",\"category\":\(Self.quoted(label)),\"process_id\":\(Self.quoted(processID))"
        line += ",\"message\":\(Self.quoted("\(event.message)"))"
        if let error = event.error { line += ",\"reason\":\(Self.quoted("\(error)"))" }
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            line += ",\(Self.quoted(key)):\(Self.quoted("\(value)"))"
        }
        output.write(line + "}\n")
    }

    private static func quoted(_ text: String) -> String { JSONValue.string(text).description }

    private static func word(_ level: Logger.Level) -> String {
        switch level {
        case .info, .notice: "information"
        default: level.rawValue
        }
    }
}
