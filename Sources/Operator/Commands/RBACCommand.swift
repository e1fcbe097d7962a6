internal import ArgumentParser
internal import JSON
internal import KubeRuntime
internal import Reconcilers
internal import YAML

struct RBACCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rbac",
        abstract: "Prints the Roles that the operator needs: in each namespace it watches, and in its own.",
        discussion: """
            Made from what the reconcilers declare beside their code. Steps that touch the cluster act as the service \
            account of their process; name each that the operator may act as.
            """
    )

    /// Which of the Roles.
    enum Part: String, ExpressibleByArgument, CaseIterable {
        /// For the namespaces that are watched.
        case watched
        /// For the operator's own namespace.
        case own
    }

    @Option(help: "Only the list of rules: for a watched namespace, or what else it needs in its own.")
    var rules: Part?

    @Option(name: .customLong("service-account"), help: "A service account that steps may act as; may be repeated.")
    var serviceAccounts: [String] = []

    func run() {
        let impersonation = Permission(
            group: "",
            resources: ["serviceaccounts"],
            verbs: ["impersonate"],
            resourceNames: serviceAccounts
        )
        let watched = Permission.rules(
            HonuaProcessReconciler.permissions + HonuaProcessTemplateReconciler.permissions
                + (serviceAccounts.isEmpty ? [] : [impersonation])
        )
        let own = Permission.rules(OperatorService.permissions)
        switch rules {
        case .watched: print(YAMLDocument.emit(watched), terminator: "")
        case .own: print(YAMLDocument.emit(own), terminator: "")
        case nil:
            let roles = [Self.role("honua-operator", watched), Self.role("honua-operator-replica", own)]
            print(roles.map { YAMLDocument.emit($0) }.joined(separator: "---\n"), terminator: "")
        }
    }

    private static func role(_ name: String, _ rules: JSONValue) -> JSONValue {
        [
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": ["name": .string(name)],
            "rules": rules,
        ]
    }
}
