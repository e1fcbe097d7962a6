import KubeClient
import KubeRuntime

/// Keeps copies of ConfigMaps in other namespaces.
struct Mirror {
    let controller: Controller<ConfigMap>
    let copies: StoreIndex<ConfigMap>
    let events: EventRecorder
    /// Holds an original back from deletion while it has copies.
    let finalizer = Finalizer("example.dev/mirror")

    func reconcile(_ key: ObjectKey) async throws -> Requeue {
        guard let original = controller.store.get(key) else { return .awaitChange }
        let resources = controller.resources(namespace: key.namespace)
        guard original.isMirrored else {
            // Perhaps it was once.
            try await removeCopies(of: original)
            try await finalizer.remove(from: original.metadata, in: resources)
            return .awaitChange
        }
        return try await finalizer.reconcile(original, in: resources, apply: writeCopies, cleanUp: removeCopies)
    }

    private func writeCopies(of original: ConfigMap) async throws -> Requeue {
        try await removeCopies(of: original)
        let existing = copies["\(original.metadata.key)"]
        var requeue = Requeue.awaitChange
        for target in original.targets.sorted() {
            let copy = original.copy(in: target)
            let resources = controller.resources(namespace: target)
            do {
                switch existing.first(where: { $0.namespace == target }) {
                case nil: _ = try await resources.create(copy)
                case .some(let existing) where existing.hasContent(of: copy): continue
                case .some: _ = try await resources.replace(copy)
                }
                events.record(.normal, "Mirrored", "copied to namespace \(target)", about: original)
            } catch let error as KubeError where !error.isRetryable {
                // The namespace is missing, or has a ConfigMap of that name which is not ours. Either may change.
                events.record(.warning, "NotMirrored", "\(error)", about: original)
                requeue = .after(.seconds(60))
            }
        }
        return requeue
    }

    private func removeCopies(of original: ConfigMap) async throws {
        for copy in copies["\(original.metadata.key)"] where !original.targets.contains(copy.namespace) {
            let resources = controller.resources(namespace: copy.namespace)
            do {
                try await resources.delete(copy.metadata.name, DeleteOptions(uid: copy.metadata.uid))
            } catch let error as KubeError where error.code == .notFound {
                continue
            }
            events.record(.normal, "Removed", "removed the copy in namespace \(copy.namespace)", about: original)
        }
    }
}
