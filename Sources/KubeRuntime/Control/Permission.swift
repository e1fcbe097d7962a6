public import JSON

/// What a controller must be allowed to do, kept beside its code; RBAC manifests are generated from it.
public struct Permission: Sendable, Hashable {
    /// Empty for the core group.
    public let group: String
    /// Plural names, with the subresource if it is one: `pods/log`.
    public let resources: [String]
    /// As in RBAC: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`.
    public let verbs: [String]
    /// The only objects that are meant; empty for all.
    public let resourceNames: [String]

    /// One rule.
    public init(group: String, resources: [String], verbs: [String], resourceNames: [String] = []) {
        self.group = group
        self.resources = resources
        self.verbs = verbs
        self.resourceNames = resourceNames
    }

    /// The `rules` of a Role or ClusterRole.
    public static func rules(_ permissions: [Permission]) -> JSONValue {
        .array(
            permissions.map { permission in
                var rule: JSONValue = [
                    "apiGroups": [.string(permission.group)],
                    "resources": .array(permission.resources.map { .string($0) }),
                    "verbs": .array(permission.verbs.map { .string($0) }),
                ]
                if !permission.resourceNames.isEmpty {
                    rule["resourceNames"] = .array(permission.resourceNames.map { .string($0) })
                }
                return rule
            }
        )
    }
}
