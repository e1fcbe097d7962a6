internal import ArgumentParser
internal import Stores

struct StateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "state",
        abstract: "Saves, restores and checks the state of processes in Redis.",
        discussion: """
            Redis is found as the operator finds it: by Redis__ConnectionString, Redis__KeyPrefix and the other \
            variables of that section. A connection string on the command line is seen by everybody who can list \
            processes; one with a password belongs into a variable.
            """,
        subcommands: [
            StateExportCommand.self, StateImportCommand.self, StateVerifyCommand.self, StateRestoreKeysCommand.self,
        ]
    )

    /// Runs the body of a subcommand; what it throws becomes one line and exit status 1.
    static func run(_ name: String, _ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let code as ExitCode {
            throw code
        } catch {
            StandardError.print("honua state \(name): \(error)")
            throw ExitCode.failure
        }
    }

    /// `2 states, 4 parts, 0 memos, 1 history`
    static func text(_ counts: [RedisKeyspace.Kind: Int]) -> String {
        let parts = RedisKeyspace.Kind.allCases.map { kind -> String in
            let count = counts[kind] ?? 0
            return kind == .history ? "\(count) history" : "\(count) \(kind.rawValue)\(count == 1 ? "" : "s")"
        }
        return parts.joined(separator: ", ")
    }
}
