internal import ArgumentParser
internal import KubeClient

/// Which cluster a command talks to.
struct ClusterOptions: ParsableArguments {
    @Option(help: "The kubeconfig file. Default: KUBECONFIG, the pod's service account, ~/.kube/config.")
    var kubeconfig: String?

    @Option(help: "A context of the kubeconfig. Default: its current one.")
    var context: String?

    func configuration() throws -> ClusterConfiguration {
        var configuration = try ClusterConfiguration.load(
            kubeconfig: kubeconfig,
            context: context,
            environment: ProcessEnvironment.variables
        )
        // The name of the field manager, which must not change with that of the program.
        configuration.userAgent = "honua-operator"
        return configuration
    }
}
