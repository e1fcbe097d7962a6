public import KubeClient

extension Controller {
    /// Reconciles the owner when an object changes whose controlling owner reference names an object of this controller's
    /// kind. To be called before `run`.
    /// - Parameter namespaces: where to look; nil for where the controller looks.
    @discardableResult
    public func owns<Owned: KubeResource>(
        _ type: Owned.Type,
        namespaces: [String]? = nil,
        selection: Selection = Selection(),
        where predicate: Predicate<Owned> = .any
    ) -> Store<Owned> {
        watches(type, namespaces: namespaces, selection: selection, where: predicate) { [api] object in
            guard let owner = object.metadata.controllingOwner, owner.kind == api.kind,
                // The version may be another one of the same group.
                owner.apiVersion.prefix(while: { $0 != "/" }) == api.apiVersion.prefix(while: { $0 != "/" })
            else { return [] }
            return [ObjectKey(namespace: api.isNamespaced ? object.metadata.namespace : nil, name: owner.name)]
        }
    }

    /// Reconciles the objects that a mapping names when an object of another kind changes. To be called before `run`.
    /// - Parameters:
    ///   - namespaces: where to look; nil for where the controller looks, if the other kind has namespaces.
    ///   - predicate: which changes count.
    ///   - map: from the changed object to the keys to reconcile. Of an update both states are mapped, so that what an
    ///     object no longer refers to is reconciled too. Must be quick; called by whoever changes the store.
    /// - Returns: the other kind's store, shared with everybody who uses the same cache.
    @discardableResult
    public func watches<Other: KubeResource>(
        _ type: Other.Type,
        namespaces: [String]? = nil,
        selection: Selection = Selection(),
        where predicate: Predicate<Other> = .any,
        map: @escaping @Sendable (Other) -> [ObjectKey]
    ) -> Store<Other> {
        let namespaces = namespaces ?? (type.api.isNamespaced ? self.namespaces : [])
        let store = cache.store(type, namespaces: namespaces, selection: selection)
        watches(store, of: type.api, where: predicate, map: map)
        return store
    }

    /// The same for any store of the controller's cache: of a kind known at run time, of metadata alone, or cut down by a
    /// transform.
    public func watches<Other: KubeObject>(
        _ store: Store<Other>,
        of api: APIResource,
        where predicate: Predicate<Other> = .any,
        map: @escaping @Sendable (Other) -> [ObjectKey]
    ) {
        let subscription = store.subscribe { [weak self] change in
            guard let self, predicate.allows(change) else { return }
            var keys = Set(map(change.object))
            if case .updated(let old, _) = change { keys.formUnion(map(old)) }
            guard !keys.isEmpty else { return }
            let trigger = "\(api.kind) \(change.object.metadata.key) \(change.trigger)"
            for key in keys { enqueue(key, because: trigger, priority: change.priority) }
        }
        add(store, subscription, api)
    }
}
