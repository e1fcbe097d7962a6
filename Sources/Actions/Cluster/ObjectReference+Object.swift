internal import JSON
internal import KubeClient

extension ObjectReference {
    /// The reference to an object.
    /// - Parameter namespace: of an object that names none.
    init(to object: DynamicObject, namespace: String? = nil) {
        self.init(
            apiVersion: object.apiVersion ?? "",
            kind: object.kind ?? "",
            namespace: object.metadata.namespace ?? namespace,
            name: object.metadata.name
        )
    }

    /// From the members `apiVersion`, `kind`, `namespace` and `name`, as `json` gives them.
    init(json: JSONValue) {
        self.init(
            apiVersion: json["apiVersion"]?.string ?? "",
            kind: json["kind"]?.string ?? "",
            namespace: json["namespace"]?.string,
            name: json["name"]?.string ?? ""
        )
    }

    /// The members `apiVersion`, `kind`, `namespace` and `name`.
    var json: JSONValue {
        var json: JSONValue = ["apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name)]
        json["namespace"] = namespace.map { .string($0) }
        return json
    }

    /// Without a namespace where the kind has none.
    /// - Throws: `UnresolvedResource` when the server has no such kind.
    func resolved(in client: KubeClient) async throws -> ObjectReference {
        guard try await !client.mapper.resource(apiVersion: apiVersion, kind: kind).api.isNamespaced else {
            return self
        }
        return ObjectReference(apiVersion: apiVersion, kind: kind, namespace: nil, name: name)
    }

    /// All objects of the kind that a selector of labels selects. Objects in lists do not say what they are; these do.
    func objects(labelled selector: String, in client: KubeClient) async throws -> [DynamicObject] {
        let resources = try await resources(in: client)
        return try await resources.list(Selection(labelSelector: selector)).items.map(resources.typed)
    }
}
