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
            WaitAction(cluster: cluster), ScaleAction(cluster: cluster), RolloutAction(cluster: cluster),
        ])
    }
}
