/// A kind of object that a `FaultyAPIServer` serves.
package struct ServedKind: Sendable, Hashable {
    /// Empty for the core group.
    package let group: String
    package let version: String
    package let kind: String
    /// As in the URL.
    package let plural: String
    package let isNamespaced: Bool

    package init(group: String = "", version: String = "v1", kind: String, plural: String, isNamespaced: Bool = true) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        self.isNamespaced = isNamespaced
    }

    package static let configMap = ServedKind(kind: "ConfigMap", plural: "configmaps")

    var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// Without namespace and name.
    var root: [String] { group.isEmpty ? ["api", version] : ["apis", group, version] }
}

/// What a path names: a collection, or one object of it.
struct Target: Sendable {
    let kind: ServedKind
    var namespace: String?
    var name: String?
    var subresource: String?

    /// nil when none of the kinds is served there.
    init?(path: String, among kinds: [ServedKind]) {
        let segments = path.split(separator: "/").map { String($0) }
        for kind in kinds {
            guard segments.starts(with: kind.root) else { continue }
            var rest = segments.dropFirst(kind.root.count)
            var namespace: String?
            if kind.isNamespaced, rest.first == "namespaces", rest.count >= 3 {
                namespace = rest.dropFirst().first
                rest = rest.dropFirst(2)
            }
            guard rest.popFirst() == kind.plural, rest.count <= 2 else { continue }
            self.kind = kind
            self.namespace = namespace
            name = rest.popFirst()
            subresource = rest.popFirst()
            return
        }
        return nil
    }
}
