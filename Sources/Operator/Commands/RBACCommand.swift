internal import ArgumentParser
internal import JSON
internal import KubeRuntime
internal import Reconcilers
internal import YAML

struct RBACCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rbac",
        abstract: "Prints the Role that the operator needs in each namespace it watches.",
        discussion: """
            Made from what the reconcilers declare beside their code. Steps that touch the cluster act as the service \
            account of their process; name each that the operator may act as.
            """
    )

    @Flag(help: "Only the list of rules.")
    var rules = false

    @Option(name: .customLong("service-account"), help: "A service account that steps may act as; may be repeated.")
    var serviceAccounts: [String] = []

    func run() {
        let impersonation = Permission(
            group: "",
            resources: ["serviceaccounts"],
            verbs: ["impersonate"],
            resourceNames: serviceAccounts
        )
        let rules = Permission.rules(
            HonuaProcessReconciler.permissions + HonuaProcessTemplateReconciler.permissions
                + (serviceAccounts.isEmpty ? [] : [impersonation])
        )
        let role: JSONValue = [
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": ["name": "honua-operator"],
            "rules": rules,
        ]
        print(YAMLDocument.emit(self.rules ? rules : role), terminator: "")
    }
}
