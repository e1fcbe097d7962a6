internal import HTTPTransport
internal import JSON

/// The requests for objects of one kind in one namespace (or in all of them, for `list` and `watch`).
public struct ResourceClient<Object: KubeObject>: Sendable {
    /// What the requests go through.
    public let client: KubeClient
    /// The kind.
    public let api: APIResource
    /// nil for objects of the cluster, or for all namespaces.
    public let namespace: String?
    private var onWrite: (@Sendable (Object, WriteIntent) -> Void)?
    var onUnreadable: (@Sendable (KubeError) -> Void)?

    init(client: KubeClient, api: APIResource, namespace: String?) {
        self.client = client
        self.api = api
        self.namespace = namespace
    }

    /// The same requests; `body` is told the server's answer to each successful write that stored something, and what the
    /// write asked for, before the write returns.
    public func observingWrites(_ body: @escaping @Sendable (Object, WriteIntent) -> Void) -> ResourceClient {
        var resources = self
        resources.onWrite = body
        return resources
    }

    /// The same requests; lists and watches leave out objects that cannot be read as this type, and tell `body` of each,
    /// rather than throw. For whoever must go on with the others, such as a reflector.
    public func skippingUnreadable(_ body: @escaping @Sendable (KubeError) -> Void) -> ResourceClient {
        var resources = self
        resources.onUnreadable = body
        return resources
    }

    /// Reads one object, at least as new as any the caller has seen written.
    /// - Parameter subresource: one that answers with the whole object, such as `.status`.
    public func get(_ name: String, subresource: Subresource? = nil) async throws -> Object {
        try await object("get", .get, name, subresource: subresource)
    }

    /// Stores a new object. The kind is filled in; the namespace is this client's unless the object names one.
    public func create(_ object: Object, _ options: WriteOptions = WriteOptions()) async throws -> Object {
        let metadata = object.metadata
        let target = metadata.namespace ?? namespace
        let operation = operation("create", metadata.name.isEmpty ? metadata.generateName : metadata.name, in: target)
        let answer = try await client.send(
            KubeRequest(
                operation: operation,
                method: .post,
                path: path(operation),
                query: options.query,
                accept: Object.accept(),
                body: typed(object.json()).serialized()
            )
        )
        return written(try read(answer, operation), .create, options)
    }

    /// Replaces an object, or its status, in the namespace the object names, or in this client's. A `resourceVersion` in the metadata makes a concurrent change a conflict.
    ///
    /// What the object's type does not hold is lost; a patch leaves it alone.
    public func replace(
        _ object: Object,
        subresource: Subresource? = nil,
        _ options: WriteOptions = WriteOptions()
    ) async throws -> Object {
        let answer = try await self.object(
            "update",
            .put,
            object.metadata.name,
            in: object.metadata.namespace,
            subresource: subresource,
            query: options.query,
            body: typed(object.json()).serialized()
        )
        return written(answer, .conditional(version: object.metadata.resourceVersion), options)
    }

    /// Changes part of an object, or of its status.
    public func patch(
        _ name: String,
        _ patch: Patch,
        subresource: Subresource? = nil,
        _ options: WriteOptions = WriteOptions()
    ) async throws -> Object {
        var options = options
        var query: [(String, String)] = []
        if case .apply(_, let manager, let force) = patch {
            options.fieldManager = manager
            query = [("force", String(force))]
        }
        let answer = try await object(
            "patch",
            .patch,
            name,
            subresource: subresource,
            query: query + options.query,
            contentType: patch.contentType,
            body: patch.body
        )
        return written(answer, patch.intent, options)
    }

    /// Asks for the deletion of an object. It is gone when no finalizer holds it any more.
    public func delete(_ name: String, _ options: DeleteOptions = DeleteOptions()) async throws {
        let operation = operation("delete", name)
        _ = try await client.send(
            KubeRequest(
                operation: operation,
                method: .delete,
                path: path(operation, name),
                body: options.body
            )
        )
    }

    /// Asks for the deletion of every object of a selection, in one request.
    public func deleteAll(_ selection: Selection, _ options: DeleteOptions = DeleteOptions()) async throws {
        let operation = operation("deletecollection")
        _ = try await client.send(
            KubeRequest(
                operation: operation,
                method: .delete,
                path: path(operation),
                query: selection.query,
                body: options.body
            )
        )
    }

    func object(
        _ verb: String,
        _ method: HTTPMethod,
        _ name: String,
        in namespace: String? = nil,
        subresource: Subresource? = nil,
        query: [(String, String)] = [],
        contentType: String = "application/json",
        body: [UInt8]? = nil
    ) async throws -> Object {
        let operation = operation(verb, name, subresource, in: namespace)
        let answer = try await client.send(
            KubeRequest(
                operation: operation,
                method: method,
                path: path(operation, name, subresource),
                query: query,
                accept: Object.accept(),
                contentType: contentType,
                body: body
            )
        )
        return try read(answer, operation)
    }

    private func read(_ answer: [UInt8], _ operation: KubeOperation) throws -> Object {
        do {
            return try Object(parsing: answer, skipping: ["metadata", "managedFields"])
        } catch {
            throw KubeError(.unreadable, operation, "the object in the answer: \(error)")
        }
    }

    private func written(_ object: Object, _ intent: WriteIntent, _ options: WriteOptions) -> Object {
        if !options.isDryRun { onWrite?(object, intent) }
        return object
    }

    private func typed(_ object: JSONValue) -> JSONValue {
        var object = object
        object["apiVersion"] = .string(api.apiVersion)
        object["kind"] = .string(api.kind)
        return object
    }

    /// The path of one object, or of the kind in one namespace. Only lists and watches go across namespaces.
    func path(
        _ operation: KubeOperation,
        _ name: String? = nil,
        _ subresource: Subresource? = nil
    ) throws -> String {
        guard !api.isNamespaced || operation.namespace != nil else {
            throw KubeError(
                .badRequest,
                operation,
                "\(api.plural) live in namespaces, and none was named; nothing was sent"
            )
        }
        return api.path(namespace: operation.namespace, name: name, subresource: subresource)
    }

    func operation(
        _ verb: String,
        _ name: String? = nil,
        _ subresource: Subresource? = nil,
        in namespace: String? = nil
    ) -> KubeOperation {
        KubeOperation(
            verb: verb,
            resource: api.qualifiedName + (subresource.map { "/\($0.rawValue)" } ?? ""),
            name: name,
            namespace: api.isNamespaced ? namespace ?? self.namespace : nil
        )
    }
}
