public import HTTPTransport
public import Workflows

extension ActionCatalog {
    /// Every action of this product.
    /// - Parameters:
    ///   - transport: for actions that call HTTP services.
    ///   - cluster: for actions that touch the cluster.
    public static func builtIn(transport: HTTPTransport, cluster: ClusterAccess) -> ActionCatalog {
        ActionCatalog([
            EchoAction(), DelayAction(), FailAction(), HTTPAction(transport: transport),
            ApplyAction(cluster: cluster), DeleteAction(cluster: cluster), PatchAction(cluster: cluster),
            RestoreAction(cluster: cluster), JobAction(cluster: cluster),
            WaitAction(cluster: cluster), ScaleAction(cluster: cluster), RolloutAction(cluster: cluster),
        ])
    }
}
