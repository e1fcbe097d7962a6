public import HTTPTransport
public import Workflows

extension ActionCatalog {
    /// Every action of this product.
    /// - Parameters:
    ///   - transport: for actions that call HTTP services.
    ///   - cluster: for actions that touch the cluster, and for secrets.
    ///   - isExecEnabled: whether steps may run programs beside the operator. Default false.
    public static func builtIn(
        transport: HTTPTransport,
        cluster: ClusterAccess,
        isExecEnabled: Bool = false
    ) -> ActionCatalog {
        ActionCatalog([
            EchoAction(), DelayAction(), FailAction(), SetAction(),
            HTTPAction(transport: transport, cluster: cluster), ExecAction(isEnabled: isExecEnabled, cluster: cluster),
            ApplyAction(cluster: cluster), DeleteAction(cluster: cluster), PatchAction(cluster: cluster),
            RestoreAction(cluster: cluster), JobAction(cluster: cluster),
            WaitAction(cluster: cluster), ScaleAction(cluster: cluster), RolloutAction(cluster: cluster),
        ])
    }
}
