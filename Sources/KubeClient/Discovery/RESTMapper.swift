/// Finds where the API server serves a kind, from what people and manifests call it.
///
/// ```swift
/// let mapper = RESTMapper(client: client)
/// let deployments = try await mapper.resource(apiVersion: "apps/v1", kind: "Deployment")
/// let same = try await mapper.resource(named: "deploy")
/// ```
///
/// ## What is asked, and when
/// Nothing is read before the first lookup. A lookup by `apiVersion` and kind reads that one version only; the others
/// need the server's order of groups and versions and read everything. What was found is kept: a kind does not change
/// its plural name or its scope, and one that is gone is answered by 404 where it is used.
///
/// On a miss the server is asked again, so that a kind that has appeared is found; but for the same thing not more often
/// than every `DiscoveryCache.missInterval`, and everything at once rather than many single versions. Lookups at the same
/// time share their requests. A failure to reach the server is thrown, not remembered.
///
/// Every method throws `UnresolvedResource` when there is no such kind, `KubeError` when the server cannot be asked, and
/// `CancellationError`.
public struct RESTMapper: Sendable {
    /// What is known so far.
    public let cache: DiscoveryCache
    private let client: KubeClient

    /// A mapper; nothing is read yet.
    /// - Parameter cache: shared with other mappers of the same server, if there are any.
    public init(client: KubeClient, cache: DiscoveryCache = DiscoveryCache()) {
        self.client = client
        self.cache = cache
    }

    /// A kind in one version of a group.
    /// - Parameter apiVersion: as objects carry it: `v1` or `apps/v1`.
    public func resource(apiVersion: String, kind: String) async throws -> DiscoveredResource {
        let name = GroupVersion(apiVersion)
        if let name {
            if let known = cache.kind(kind, in: name) { return known }
            if let missing = cache.begin(name) {
                defer { cache.ended(missing) }
                try await read(missing)
                if let found = cache.kind(kind, in: name) { return found }
                try await readForSuggestions()
            }
        }
        throw UnresolvedResource(
            request: "kind \"\(kind)\" in \(name?.description ?? "\"\(apiVersion)\"")",
            suggestions: cache.discovery.suggestions(kind: kind, apiVersion: apiVersion),
            failures: [],
            retryAfter: cache.retryAfter(name)
        )
    }

    /// A kind in whatever version of its group is best.
    /// - Parameters:
    ///   - group: empty for the core group.
    ///   - preferredVersion: taken when the kind is in it; else, and when nil, the first in the server's order that has it.
    public func resource(
        group: String,
        kind: String,
        preferredVersion: String? = nil
    ) async throws -> DiscoveredResource {
        let found = try await find {
            $0.resource(group: group, kind: kind, preferredVersion: preferredVersion)
        }
        if let found { return found }
        let discovery = cache.discovery
        throw UnresolvedResource(
            request: "kind \"\(kind)\" in \(group.isEmpty ? "the core group" : "group \"\(group)\"")",
            suggestions: discovery.suggestions(kind: kind, apiVersion: nil),
            failures: discovery.failures.filter { GroupVersion($0.apiVersion)?.group == group },
            retryAfter: cache.retryAfter()
        )
    }

    /// A kind by what people type, as kubectl resolves it: `deploy`, `Deployment`, `deployments.apps`,
    /// `deployments.v1.apps`. See `Discovery.resource(named:)`.
    public func resource(named name: String) async throws -> DiscoveredResource {
        if let found = try await find({ $0.resource(named: name) }) { return found }
        let discovery = cache.discovery
        throw UnresolvedResource(
            request: "anything named \"\(name)\"",
            suggestions: discovery.suggestions(name: name),
            failures: discovery.failures,
            retryAfter: cache.retryAfter()
        )
    }

    /// The kind of an object.
    public func resource(for object: DynamicObject) async throws -> DiscoveredResource {
        try await resource(apiVersion: object.apiVersion ?? "", kind: object.kind ?? "")
    }

    /// Reads everything, however lately that was done.
    @discardableResult
    public func refresh() async throws -> Discovery {
        try await read(.everything)
        return cache.discovery
    }

    private func find(_ lookup: (Discovery) -> DiscoveredResource?) async throws -> DiscoveredResource? {
        let known = cache.age.flatMap { age in lookup(cache.discovery).map { (age: age, resource: $0) } }
        if let known, known.age < DiscoveryCache.maximumAge { return known.resource }
        if let age = cache.age, age < DiscoveryCache.missInterval { return nil }
        do {
            try await read(.everything)
        } catch let error as KubeError {
            // Old is better than none.
            guard let known, error.isRetryable else { throw error }
            return known.resource
        }
        return lookup(cache.discovery)
    }

    /// Close matches can be anywhere, so that one miss reads everything; later ones make do with what is known. Without
    /// an answer there are no suggestions, which is no failure.
    private func readForSuggestions() async throws {
        guard !cache.isComplete else { return }
        do {
            try await read(.everything)
        } catch is KubeError {}
    }

    private func read(_ read: DiscoveryCache.Read) async throws {
        try await cache.reads.value(for: read) { [client, cache] in
            switch read {
            case .everything: cache.keep(try await client.discover())
            case .version(let name): cache.keep(try await client.discover(name), as: name)
            }
        }
    }
}
