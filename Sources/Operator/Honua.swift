internal import ArgumentParser

/// The program: operator, local runner and command line in one.
@main
struct Honua: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "honua",
        abstract: "Runs long operations as processes of steps, on Kubernetes or in a terminal.",
        version: "honua \(Version.product) (Swift \(Version.toolchain))",
        subcommands: [
            OperatorCommand.self, RunCommand.self, ProcessCommand.self, StateCommand.self, ActionCommand.self,
            CELCommand.self, CRDsCommand.self, RBACCommand.self,
        ]
    )
}

/// What this build is.
enum Version {
    /// Of the product.
    static let product = "0.1.0"

    /// Of the compiler that made it.
    static var toolchain: String {
        #if compiler(>=6.4)
        "6.4 or later"
        #else
        "6.3"
        #endif
    }
}
