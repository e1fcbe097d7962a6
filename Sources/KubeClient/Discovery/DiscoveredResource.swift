/// A kind as the API server describes it.
public struct DiscoveredResource: Sendable, Hashable {
    /// Group, version, kind, plural name and scope: what requests need.
    public let api: APIResource
    /// What people call one of them: `deployment`. The kind in small letters where the server gives none, as servers before
    /// 1.26 do for their own kinds.
    public let singular: String
    /// Abbreviations: `deploy`.
    public let shortNames: [String]
    /// Names of groups of kinds to which this one belongs: `all`.
    public let categories: [String]
    /// What can be done with it, as in RBAC: `get`, `list`, `watch`, …
    public let verbs: Set<String>
    /// The endpoints below an object, in the server's order.
    public let subresources: [DiscoveredSubresource]

    /// Describes a kind.
    public init(
        api: APIResource,
        singular: String? = nil,
        shortNames: [String] = [],
        categories: [String] = [],
        verbs: Set<String> = [],
        subresources: [DiscoveredSubresource] = []
    ) {
        self.api = api
        self.singular = singular.flatMap { $0.isEmpty ? nil : $0 } ?? api.kind.lowercased()
        self.shortNames = shortNames
        self.categories = categories
        self.verbs = verbs
        self.subresources = subresources
    }

    /// Whether all of these verbs can be used.
    public func supports(_ verbs: String...) -> Bool { self.verbs.isSuperset(of: verbs) }

    /// An endpoint below an object by its name, such as `status` or `scale`.
    public func subresource(_ name: String) -> DiscoveredSubresource? { subresources.first { $0.name == name } }
}

/// An endpoint below an object, such as `deployments/scale`.
public struct DiscoveredSubresource: Sendable, Hashable {
    /// The last part of its path: `scale`.
    public let name: String
    /// What it takes and answers: `Scale`.
    public let kind: String
    /// Of `kind`; may be another one than that of the resource: `autoscaling/v1`.
    public let apiVersion: String
    /// What can be done with it.
    public let verbs: Set<String>

    /// Describes an endpoint.
    public init(name: String, kind: String, apiVersion: String, verbs: Set<String> = []) {
        self.name = name
        self.kind = kind
        self.apiVersion = apiVersion
        self.verbs = verbs
    }
}
