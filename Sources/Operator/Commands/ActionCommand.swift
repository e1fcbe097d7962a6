internal import Actions
internal import ArgumentParser
internal import HTTPTransport
internal import JSON
internal import Workflows

struct ActionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "action",
        abstract: "Tells what steps can do.",
        subcommands: [List.self, Explain.self],
        defaultSubcommand: List.self
    )

    /// Every action that a definition can name, those that are off by default included.
    private static func catalog() throws -> ActionCatalog {
        let transport = try HTTPTransport()
        let builtIn = ActionCatalog.builtIn(
            transport: transport,
            cluster: ClusterAccess(client: nil),
            isExecEnabled: true
        )
        return ActionCatalog(builtIn.names.compactMap { builtIn[$0] } + [SubprocessAction()])
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Prints all actions.")

        func run() throws {
            let catalog = try ActionCommand.catalog()
            let rows = catalog.names.compactMap { catalog[$0] }.map { action in
                [action.name, action.isIdempotent ? "yes" : "no", action.touchesCluster ? "yes" : "no", action.about]
            }
            print(TextTable([["NAME", "IDEMPOTENT", "CLUSTER", "ABOUT"]] + rows).description)
        }
    }

    struct Explain: ParsableCommand {
        enum Format: String, ExpressibleByArgument, CaseIterable {
            case text
            case json
        }

        static let configuration = CommandConfiguration(
            abstract: "Prints what an action takes and gives, and how it fails.",
            discussion: "Exit status: 2 when there is no such action."
        )

        @Argument(help: "The name of an action, as in a step.")
        var name: String

        @Option(name: [.short, .long], help: "text for people; json for the schema of the inputs alone.")
        var output = Format.text

        func run() throws {
            let catalog = try ActionCommand.catalog()
            guard let action = catalog[name] else {
                let known = catalog.names.joined(separator: ", ")
                StandardError.print("honua action explain: there is no action \"\(name)\"; there are: \(known)")
                throw ExitCode(2)
            }
            switch output {
            case .text: print(ActionExplanation(action).text, terminator: "")
            case .json: print(String(decoding: action.inputSchema.openAPI.serialized(pretty: true), as: UTF8.self))
            }
        }
    }
}
