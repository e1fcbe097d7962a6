internal import JSON
public import Logging

/// Writes lines for people: the time, the level when it matters, the message, the metadata.
public struct ConsoleLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?

    private let output: LogOutput

    /// A handler for people.
    public init(level: Logger.Level, output: LogOutput = .standardError) {
        logLevel = level
        self.output = output
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes the line at once.
    public func log(event: LogEvent) {
        var fields = fields(of: event)
        fields["process_id"] = nil
        var line = "\(Timestamp.now.wholeSeconds)"
        if event.level >= .warning { line += " \(event.level.rawValue.uppercased())" }
        line += " \(event.message)"
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
        if let error = event.error { line += " reason=\(error)" }
        output.write(line + "\n")
    }
}
