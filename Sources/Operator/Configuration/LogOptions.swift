internal import ArgumentParser
internal import Logging
internal import Telemetry

/// What is logged, and how.
struct LogOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case json
        case console
    }

    @Option(help: "json for machines, on standard output; console for people, on standard error.")
    var logFormat = Format.json

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = "info"

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--log-level: there is no level \"\(logLevel)\"; there are: \(known)")
        }
    }

    /// A logger for one category.
    func logger(_ category: String) -> Logger {
        let level = Logger.Level(rawValue: logLevel) ?? .info
        return Logger(label: category) { label in
            switch logFormat {
            case .json: JSONLogHandler(label: label, level: level)
            case .console: ConsoleLogHandler(level: level)
            }
        }
    }
}
