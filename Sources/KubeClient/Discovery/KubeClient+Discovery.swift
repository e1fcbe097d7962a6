internal import HTTPTransport
internal import JSON

extension KubeClient {
    /// Everything at once where the server can; the plain lists where it cannot. The parameters have to come in this order
    /// (client-go `discovery/discovery_client.go`).
    static let discoveryMediaTypes =
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
        + "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

    /// How many versions are read at once from a server that describes each under its own path. Such a server has 30 to
    /// 60; client-go asks for all at the same time, and needs a burst of 300 in its own rate limit for that.
    static let discoveryConcurrency = 8

    /// Reads what the server serves: two requests where it knows aggregated discovery (1.26), else two and one for each
    /// version of each group.
    ///
    /// A version that cannot be read, because the aggregated API server behind it is down, is named in `failures`; the
    /// others are there.
    /// - Throws: `KubeError` when the server cannot be asked for its groups, or when not a single version could be read;
    ///   `CancellationError`.
    public func discover() async throws -> Discovery {
        async let core = discoveryDocument("/api")
        async let groups = discoveryDocument("/apis")
        var discovery = Discovery()
        var lastError: KubeError?
        for document in [try await core, try await groups] {
            switch document {
            case .aggregated(let part):
                discovery.groups += part.groups
                discovery.failures += part.failures
            case .versions(let groups):
                lastError = try await describe(groups, in: &discovery) ?? lastError
            }
        }
        // Then it is not some groups that are down: the server cannot be asked.
        if let lastError, discovery.groups.allSatisfy(\.versions.isEmpty) { throw lastError }
        return discovery
    }

    /// Reads one version of one group; nil when the server does not serve it.
    func discover(_ groupVersion: GroupVersion) async throws -> Discovery.Version? {
        let document: JSONValue
        do {
            document = try await readDiscovery(groupVersion.path)
        } catch let error as KubeError where error.code == .notFound {
            return nil
        }
        guard let version = DiscoveryDocument.version(document, groupVersion) else {
            throw unreadable(groupVersion.path, document)
        }
        return version
    }

    private func discoveryDocument(_ path: String) async throws -> DiscoveryDocument {
        let answer = try await readDiscovery(path, accept: Self.discoveryMediaTypes)
        guard let document = DiscoveryDocument(answer) else { throw unreadable(path, answer) }
        return document
    }

    /// - Returns: the failure of the last version that could not be read.
    private func describe(
        _ groups: [(group: String, versions: [String])],
        in discovery: inout Discovery
    ) async throws -> KubeError? {
        let versions = groups.flatMap { group, versions in versions.map { GroupVersion(group: group, version: $0) } }
        let answers = try await answers(for: versions)
        discovery.groups += groups.map { Discovery.Group(name: $0.group, versions: []) }
        var lastError: KubeError?
        for groupVersion in versions {
            switch answers[groupVersion] {
            case .success(let version): discovery.set(groupVersion, version)
            case .failure(let error):
                lastError = error
                discovery.failures.append(
                    Discovery.Failure(apiVersion: groupVersion.description, reason: error.message)
                )
            case nil: continue
            }
        }
        return lastError
    }

    private func answers(
        for versions: [GroupVersion]
    ) async throws -> [GroupVersion: Result<Discovery.Version?, KubeError>] {
        var answers: [GroupVersion: Result<Discovery.Version?, KubeError>] = [:]
        try await withThrowingTaskGroup(of: (GroupVersion, Result<Discovery.Version?, KubeError>).self) { tasks in
            for (index, groupVersion) in versions.enumerated() {
                if index >= Self.discoveryConcurrency, let (name, answer) = try await tasks.next() {
                    answers[name] = answer
                }
                tasks.addTask {
                    do {
                        return (groupVersion, .success(try await discover(groupVersion)))
                    } catch let error as KubeError {
                        return (groupVersion, .failure(error))
                    }
                }
            }
            for try await (name, answer) in tasks { answers[name] = answer }
        }
        return answers
    }

    private func readDiscovery(_ path: String, accept: String = "application/json") async throws -> JSONValue {
        try await send(Self.operation(path), method: .get, path: path, accept: accept, skipping: [])
    }

    private func unreadable(_ path: String, _ document: JSONValue) -> KubeError {
        let kind = document["kind"]?.string.map { "kind \"\($0)\"" } ?? "no kind"
        return KubeError(.unreadable, Self.operation(path), "the answer has \(kind), which is no discovery document")
    }

    private static func operation(_ path: String) -> KubeOperation {
        KubeOperation(verb: "get", resource: path, name: nil, namespace: nil)
    }
}
