/// A part of an object with an endpoint of its own.
public struct Subresource: RawRepresentable, Sendable, Hashable, ExpressibleByStringLiteral {
    /// As in the URL.
    public let rawValue: String

    /// Any subresource by its name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Any subresource by its name.
    public init(stringLiteral value: String) { rawValue = value }

    /// What the controller has observed.
    public static let status: Subresource = "status"
    /// How many replicas there are to be; see `ResourceClient.scale(_:)`.
    public static let scale: Subresource = "scale"
    /// A token for a service account; see `KubeClient.requestToken(for:audiences:lifetime:)`.
    public static let token: Subresource = "token"
    /// What a container has written; see `KubeClient.log(of:_:)`.
    public static let log: Subresource = "log"
    /// A deletion of a pod that respects disruption budgets.
    public static let eviction: Subresource = "eviction"
}
