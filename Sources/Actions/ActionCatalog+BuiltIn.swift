public import HTTPTransport
public import Workflows

extension ActionCatalog {
    /// Every action of this product.
    /// - Parameter transport: for actions that call HTTP services.
    public static func builtIn(transport: HTTPTransport) -> ActionCatalog {
        ActionCatalog([EchoAction(), DelayAction(), FailAction(), HTTPAction(transport: transport)])
    }
}
