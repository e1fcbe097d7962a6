internal import ArgumentParser
internal import CRDs
internal import JSON
internal import KubeClient
internal import Logging
internal import YAML

struct CRDsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crds",
        abstract: "Prints the CustomResourceDefinitions, or installs them.",
        subcommands: [Print.self, Install.self],
        defaultSubcommand: Print.self
    )

    struct Print: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Prints the definitions as YAML.")

        func run() {
            for manifest in CustomResourceDefinition.all {
                print("---\n" + YAMLDocument.emit(manifest), terminator: "")
            }
        }
    }

    struct Install: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Installs or replaces the definitions and waits until the API server serves them.",
            discussion: """
                Works on API servers from 1.20 on. Those before 1.25 do not know validation rules and drop them; \
                the operator enforces every rule itself. The account needs to create and update \
                customresourcedefinitions.
                """
        )

        @OptionGroup var cluster: ClusterOptions

        func run() async throws {
            let client = try KubeClient(try cluster.configuration(), logger: Logger(label: "honua"))
            defer { client.shutdown() }
            for manifest in CustomResourceDefinition.all {
                let change = try await CustomResourceDefinition.install(manifest, with: client)
                let name = manifest[path: "metadata", "name"]?.string ?? ""
                print("customresourcedefinition/\(name) \(change.rawValue)")
            }
        }
    }
}
