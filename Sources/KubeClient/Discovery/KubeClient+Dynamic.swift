internal import JSON

extension DynamicObject {
    /// For example `apps/v1`; nil when the object does not say.
    public var apiVersion: String? { content["apiVersion"]?.string }

    /// For example `Deployment`; nil when the object does not say.
    public var kind: String? { content["kind"]?.string }
}

extension KubeClient {
    /// The requests for a kind that is known by its name only.
    ///
    /// ```swift
    /// let deployments = try await client.resources(apiVersion: "apps/v1", kind: "Deployment")
    /// let names = try await deployments.list().items.map(\.metadata.name)
    /// ```
    /// - Parameter namespace: nil for objects of the cluster, or to list and watch all namespaces.
    /// - Throws: `UnresolvedResource` when the server has no such kind.
    public func resources(
        apiVersion: String,
        kind: String,
        namespace: String? = nil
    ) async throws -> ResourceClient<DynamicObject> {
        resources(try await mapper.resource(apiVersion: apiVersion, kind: kind).api, namespace: namespace)
    }

    /// The requests for a kind by what people type: `deploy`, `deployments.apps`.
    /// - Throws: `UnresolvedResource` when nothing is called so.
    public func resources(
        named name: String,
        namespace: String? = nil
    ) async throws -> ResourceClient<DynamicObject> {
        resources(try await mapper.resource(named: name).api, namespace: namespace)
    }

    /// The requests for the kind and the namespace of an object.
    /// - Parameter namespace: where objects live that name no namespace but need one.
    /// - Throws: `UnresolvedResource` when the server has no such kind; `KubeError` with `badRequest` when the object needs a
    ///   namespace and there is none.
    public func resources(
        for object: DynamicObject,
        namespace: String? = nil
    ) async throws -> ResourceClient<DynamicObject> {
        let api = try await mapper.resource(for: object).api
        let namespace = object.metadata.namespace ?? namespace
        if api.isNamespaced && namespace == nil {
            throw KubeError(.badRequest, operation("find", api, object), "the object names no namespace and needs one")
        }
        return resources(api, namespace: api.isNamespaced ? namespace : nil)
    }

    /// The requests for the kind of an owner. It is in the namespace of what it owns, or an object of the cluster.
    /// - Throws: `UnresolvedResource` when the server has no such kind.
    public func resources(
        for owner: OwnerReference,
        of metadata: ObjectMeta
    ) async throws -> ResourceClient<DynamicObject> {
        let api = try await mapper.resource(apiVersion: owner.apiVersion, kind: owner.kind).api
        return resources(api, namespace: api.isNamespaced ? metadata.namespace : nil)
    }

    /// Makes the server hold what an object of any kind says, and nothing else of the same manager: server-side apply.
    ///
    /// Creates the object when it is missing. Repeating it changes nothing, so that it may be repeated after any failure.
    /// `metadata.managedFields`, as an object that was read has them, are left out.
    /// - Parameters:
    ///   - fieldManager: who wants these fields; one name per program.
    ///   - force: takes over fields that others manage; without it such a field is a `conflict`.
    ///   - namespace: where objects go that name no namespace but need one.
    /// - Returns: the object as it is now.
    /// - Throws: `UnresolvedResource` when the server has no such kind; `KubeError`.
    @discardableResult
    public func apply(
        _ object: DynamicObject,
        fieldManager: String,
        force: Bool = false,
        namespace: String? = nil
    ) async throws -> DynamicObject {
        let resources = try await resources(for: object, namespace: namespace)
        guard !object.metadata.name.isEmpty else {
            throw KubeError(.badRequest, operation("apply", resources.api, object), "the object has no name")
        }
        var content = object.content
        content["metadata"]?["managedFields"] = nil
        return try await resources.patch(
            object.metadata.name,
            .apply(content, fieldManager: fieldManager, force: force)
        )
    }

    private func operation(_ verb: String, _ api: APIResource, _ object: DynamicObject) -> KubeOperation {
        KubeOperation(
            verb: verb,
            resource: api.qualifiedName,
            name: object.metadata.name.isEmpty ? nil : object.metadata.name,
            namespace: object.metadata.namespace
        )
    }
}
