/// What an API server serves: groups, their versions, and the kinds in each.
///
/// A value, as old as the moment it was read. `KubeClient.discover()` reads one; `RESTMapper` keeps one and reads what
/// is missing.
public struct Discovery: Sendable, Hashable {
    /// Related kinds that are versioned together.
    public struct Group: Sendable, Hashable {
        /// Empty for the core group.
        public let name: String
        /// The one to prefer first.
        public internal(set) var versions: [Version]

        /// Describes a group.
        public init(name: String, versions: [Version]) {
            self.name = name
            self.versions = versions
        }
    }

    /// One version of a group.
    public struct Version: Sendable, Hashable {
        /// For example `v1beta1`.
        public let name: String
        /// In the server's order.
        public let resources: [DiscoveredResource]

        /// Describes a version.
        public init(name: String, resources: [DiscoveredResource]) {
            self.name = name
            self.resources = resources
        }
    }

    /// A version of a group that the server names but could not describe.
    public struct Failure: Sendable, Hashable, CustomStringConvertible {
        /// Group and version: `metrics.k8s.io/v1beta1`.
        public let apiVersion: String
        /// What came back.
        public let reason: String

        /// Says what could not be read, and why.
        public init(apiVersion: String, reason: String) {
            self.apiVersion = apiVersion
            self.reason = reason
        }

        /// `metrics.k8s.io/v1beta1 could not be read: …`
        public var description: String { "\(apiVersion) could not be read: \(reason)" }
    }

    /// In the order in which the server wants them considered; the core group first.
    public internal(set) var groups: [Group]
    /// What is missing from `groups`: usually the aggregated API server behind it is down.
    public internal(set) var failures: [Failure]

    /// Describes what a server serves.
    public init(groups: [Group] = [], failures: [Failure] = []) {
        self.groups = groups
        self.failures = failures
    }

    /// Every kind in every version, in the order of `groups`.
    public var resources: [DiscoveredResource] {
        groups.flatMap { group in group.versions.flatMap(\.resources) }
    }

    /// Every kind once, in the first version of its group that has it: what `kubectl api-resources` lists.
    public var preferredResources: [DiscoveredResource] {
        groups.flatMap { group in
            var seen: Set<String> = []
            return group.versions.flatMap(\.resources).filter { seen.insert($0.api.plural).inserted }
        }
    }

    /// The same with one version of a group replaced, added or, when `version` is nil, taken out.
    mutating func set(_ name: GroupVersion, _ version: Version?) {
        let group = groups.firstIndex { $0.name == name.group }
        guard let version else {
            if let group { groups[group].versions.removeAll { $0.name == name.version } }
            return
        }
        guard let group else { return groups.append(Group(name: name.group, versions: [version])) }
        if let index = groups[group].versions.firstIndex(where: { $0.name == name.version }) {
            groups[group].versions[index] = version
        } else {
            groups[group].versions.append(version)
        }
    }
}

/// The parts of an `apiVersion`.
struct GroupVersion: Sendable, Hashable, CustomStringConvertible {
    /// Empty for the core group.
    let group: String
    let version: String

    init(group: String, version: String) {
        self.group = group
        self.version = version
    }

    /// From `v1` or `apps/v1`; nil for anything else.
    init?(_ apiVersion: String) {
        let parts = apiVersion.split(separator: "/", omittingEmptySubsequences: false)
        // It becomes part of a path, and may come from anybody's manifest.
        guard parts.allSatisfy({ !["", ".", ".."].contains($0) }) else { return nil }
        switch parts.count {
        case 1: self.init(group: "", version: apiVersion)
        case 2: self.init(group: String(parts[0]), version: String(parts[1]))
        default: return nil
        }
    }

    var description: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// Where the server describes it.
    var path: String {
        let version = URLEncoding.segment(version)
        return group.isEmpty ? "/api/\(version)" : "/apis/\(URLEncoding.segment(group))/\(version)"
    }
}
