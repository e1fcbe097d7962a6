internal import HTTPTransport
internal import JSON

/// The requests for objects of one kind in one namespace (or in all of them, for `list` and `watch`).
public struct ResourceClient<Object: KubeObject>: Sendable {
    let client: KubeClient
    /// The kind.
    public let api: APIResource
    /// nil for objects of the cluster, or for all namespaces.
    public let namespace: String?

    /// Reads one object, at least as new as any the caller has seen written.
    public func get(_ name: String) async throws -> Object {
        try await object("get", "GET", name)
    }

    /// Reads a list, or one page of it.
    /// - Parameters:
    ///   - selection: narrows the list on the server.
    ///   - resourceVersion: nil for the newest state; `"0"` for whatever the server's cache holds, which is cheaper.
    ///   - limit: at most so many objects; the rest follows by `continueToken`.
    ///   - continueToken: from the page before.
    public func list(
        _ selection: Selection = Selection(),
        resourceVersion: String? = nil,
        limit: Int? = nil,
        continueToken: String? = nil
    ) async throws -> ObjectList<Object> {
        var query = selection.query
        if let resourceVersion, continueToken == nil { query.append(("resourceVersion", resourceVersion)) }
        if let limit { query.append(("limit", String(limit))) }
        if let continueToken { query.append(("continue", continueToken)) }
        let operation = operation("list")
        let answer = try await client.send(
            operation,
            method: "GET",
            path: api.path(namespace: namespace),
            query: query,
            skipping: ["items", "metadata", "managedFields"]
        )
        var items: [Object] = []
        for (index, item) in (answer["items"]?.array ?? []).enumerated() {
            do {
                items.append(try Object(json: item))
            } catch {
                throw KubeError(.unreadable, operation, "items[\(index)]: \(error)")
            }
        }
        let metadata = answer["metadata"]
        return ObjectList(
            items: items,
            resourceVersion: metadata?["resourceVersion"]?.string ?? "",
            continueToken: metadata?["continue"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        )
    }

    /// Stores a new object. The kind is filled in; the namespace is this client's unless the object names one.
    public func create(_ object: Object, fieldManager: String? = nil) async throws -> Object {
        let metadata = object.metadata
        let target = metadata.namespace ?? namespace
        let operation = operation("create", metadata.name.isEmpty ? metadata.generateName : metadata.name, in: target)
        let answer = try await client.send(
            operation,
            method: "POST",
            path: api.path(namespace: target),
            query: fieldManager.map { [("fieldManager", $0)] } ?? [],
            body: typed(object.json()).serialized()
        )
        return try read(answer, operation)
    }

    /// Replaces an object, or its status. A `resourceVersion` in the metadata makes a concurrent change a conflict.
    public func replace(_ object: Object, subresource: Subresource? = nil) async throws -> Object {
        try await self.object(
            "update",
            "PUT",
            object.metadata.name,
            subresource: subresource,
            body: typed(object.json()).serialized()
        )
    }

    /// Changes part of an object, or of its status.
    public func patch(_ name: String, _ patch: Patch, subresource: Subresource? = nil) async throws -> Object {
        var query: [(String, String)] = []
        if case .apply(_, let manager, let force) = patch {
            query = [("fieldManager", manager), ("force", String(force))]
        }
        return try await object(
            "patch",
            "PATCH",
            name,
            subresource: subresource,
            query: query,
            contentType: patch.contentType,
            body: patch.body
        )
    }

    /// Asks for the deletion of an object. It is gone when no finalizer holds it any more.
    /// - Parameters:
    ///   - uid: when given, an object of the same name with another identity is left alone (`conflict`).
    ///   - propagation: what becomes of owned objects; the server's default for the kind when nil.
    public func delete(_ name: String, uid: String? = nil, propagation: PropagationPolicy? = nil) async throws {
        var options: JSONValue = ["apiVersion": "v1", "kind": "DeleteOptions"]
        if let uid { options["preconditions"] = ["uid": .string(uid)] }
        if let propagation { options["propagationPolicy"] = .string(propagation.rawValue) }
        _ = try await client.send(
            operation("delete", name),
            method: "DELETE",
            path: api.path(namespace: namespace, name: name),
            body: options.serialized()
        )
    }

    /// Follows changes from a version on, as a sequence that ends when the server closes the watch.
    /// - Parameters:
    ///   - selection: narrows the watch on the server.
    ///   - resourceVersion: of the list whose later changes are wanted.
    ///   - timeout: after so long the server ends the watch by itself.
    public func watch(
        _ selection: Selection = Selection(),
        from resourceVersion: String,
        timeout: Duration = .seconds(300)
    ) -> Watch<Object> {
        var query = selection.query
        query.append(("watch", "1"))
        query.append(("allowWatchBookmarks", "true"))
        query.append(("resourceVersion", resourceVersion))
        query.append(("timeoutSeconds", String(timeout.components.seconds)))
        return Watch(client: client, operation: operation("watch"), path: api.path(namespace: namespace), query: query)
    }

    private func object(
        _ verb: String,
        _ method: HTTPMethod,
        _ name: String,
        subresource: Subresource? = nil,
        query: [(String, String)] = [],
        contentType: String = "application/json",
        body: [UInt8]? = nil
    ) async throws -> Object {
        let operation = operation(verb, name, subresource)
        let answer = try await client.send(
            operation,
            method: method,
            path: api.path(namespace: namespace, name: name, subresource: subresource),
            query: query,
            contentType: contentType,
            body: body
        )
        return try read(answer, operation)
    }

    private func read(_ answer: JSONValue, _ operation: KubeOperation) throws -> Object {
        do {
            return try Object(json: answer)
        } catch {
            throw KubeError(.unreadable, operation, "the object in the answer: \(error)")
        }
    }

    private func typed(_ object: JSONValue) -> JSONValue {
        var object = object
        object["apiVersion"] = .string(api.apiVersion)
        object["kind"] = .string(api.kind)
        return object
    }

    private func operation(
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
