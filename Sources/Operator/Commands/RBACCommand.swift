internal import ArgumentParser
internal import JSON
internal import KubeRuntime
internal import Reconcilers
internal import YAML

struct RBACCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rbac",
        abstract: "Prints the Role that the operator needs in each namespace it watches.",
        discussion: "Made from what the reconcilers declare beside their code."
    )

    @Flag(help: "Only the list of rules.")
    var rules = false

    func run() {
        let rules = Permission.rules(
            HonuaProcessReconciler.permissions + HonuaProcessTemplateReconciler.permissions
        )
        let role: JSONValue = [
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": ["name": "honua-operator"],
            "rules": rules,
        ]
        print(YAMLDocument.emit(self.rules ? rules : role), terminator: "")
    }
}
