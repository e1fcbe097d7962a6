internal import JSON
public import KubeClient

/// Keeps an object from going away before what belongs to it outside the cluster, or out of the garbage collector's reach,
/// has been cleaned up.
///
/// ## Expected flow
/// 1. The object appears: the finalizer is added, before anything else is done.
/// 2. While it lives, `apply` is called.
/// 3. Somebody deletes it: `cleanUp` is called, possibly several times. When it returns, the finalizer is removed, and the
///    object goes away as soon as nobody else's finalizer holds it.
///
/// ## Guarantees
/// `apply` is never called for an object without the finalizer, nor for one that is being deleted; the object does not go
/// away before `cleanUp` has returned once, unless somebody else removes the finalizer.
///
/// ## Caveats
/// `cleanUp` must succeed when there is nothing to clean up: it may have been done already, or `apply` never came to it.
public struct Finalizer: Sendable, Hashable {
    /// A qualified name, such as `example.dev/mirror`.
    public let name: String

    /// A finalizer by its qualified name.
    public init(_ name: String) { self.name = name }

    /// Whether an object has it.
    public func isSet(on metadata: ObjectMeta) -> Bool { metadata.finalizers?.contains(name) ?? false }

    /// One reconcile of an object under this finalizer.
    /// - Parameter resources: of the object's namespace.
    /// - Returns: what `apply` returned; `.awaitChange` when the object has gone.
    /// - Throws: what `apply` and `cleanUp` throw, and `KubeError` when the finalizer cannot be added or removed: a
    ///   `conflict` when the object has changed meanwhile, `notFound` when it has gone before the finalizer was there.
    public func reconcile<Object: KubeObject>(
        _ object: Object,
        in resources: ResourceClient<Object>,
        apply: (Object) async throws -> Requeue,
        cleanUp: (Object) async throws -> Void
    ) async throws -> Requeue {
        let metadata = object.metadata
        guard metadata.deletionTimestamp == nil else {
            guard isSet(on: metadata) else { return .awaitChange }
            try await cleanUp(object)
            try await remove(from: metadata, in: resources)
            return .awaitChange
        }
        guard isSet(on: metadata) else {
            return try await apply(try await set((metadata.finalizers ?? []) + [name], metadata, resources))
        }
        return try await apply(object)
    }

    /// Removes the finalizer, if the object still has it.
    public func remove<Object: KubeObject>(
        from metadata: ObjectMeta,
        in resources: ResourceClient<Object>
    ) async throws {
        guard isSet(on: metadata) else { return }
        do {
            _ = try await set((metadata.finalizers ?? []).filter { $0 != name }, metadata, resources)
        } catch let error as KubeError where error.code == .notFound {
            // Somebody else has removed it, and the object has gone.
        }
    }

    /// A merge patch replaces the whole list, so it insists on the version that the list was read from.
    private func set<Object: KubeObject>(
        _ finalizers: [String],
        _ metadata: ObjectMeta,
        _ resources: ResourceClient<Object>
    ) async throws -> Object {
        try await resources.patch(
            metadata.name,
            .merge([
                "metadata": [
                    "finalizers": .array(finalizers.map { .string($0) }), "uid": .string(metadata.uid),
                    "resourceVersion": .string(metadata.resourceVersion),
                ]
            ])
        )
    }
}
