internal import Synchronization

/// What is known of a server's kinds, and when it was asked. Holds no connection: `RESTMapper` asks.
///
/// All copies of a client can share one.
public final class DiscoveryCache: Sendable {
    /// How long an answer to the question what there is stands.
    ///
    /// kube-controller-manager reads all of discovery anew every 30 s (`cmd/kube-controller-manager/app`), whether needed
    /// or not. Here it is read on a miss only, so that it can be read three times as often at less cost.
    public static let missInterval: Duration = .seconds(10)

    /// How old everything may be before a lookup that depends on the server's order of versions reads it anew: as long as
    /// kubectl keeps its cache, until 1.24. Since then it is 6 h there (cli-runtime `genericclioptions/config_flags.go`),
    /// which suits a command that ends better than a program that runs through an upgrade of its server.
    public static let maximumAge: Duration = .seconds(600)

    /// How many single versions are read within `missInterval` before everything is read at once instead.
    static let versionReads = 8

    private struct State {
        var discovery = Discovery()
        var kinds: [GroupVersion: [String: DiscoveredResource]] = [:]
        /// When everything was read last; nil when that is to be asked anew.
        var readEverything: Duration?
        var isComplete = false
        /// When single versions were read, within the last `missInterval`.
        var readVersions: [GroupVersion: Duration] = [:]
        /// How many callers wait for a single version.
        var reading: [GroupVersion: Int] = [:]
    }

    private let state = Mutex(State())
    private let now: @Sendable () -> Duration
    let reads = SingleFlight<Read, Void>()

    /// Something that can be read from the server.
    enum Read: Hashable, Sendable {
        case everything
        case version(GroupVersion)
    }

    /// An empty cache.
    /// - Parameter clock: by which answers grow old.
    public init(clock: some Clock<Duration> = ContinuousClock()) {
        let start = clock.now
        now = { start.duration(to: clock.now) }
    }

    /// What is known: everything the server said when it was asked last, with what was read singly since.
    public var discovery: Discovery { state.withLock { $0.discovery } }

    /// Forgets that things were missing and how old the rest is, so that the next lookup asks the server: after a
    /// definition was installed, for example. What is known stays until then.
    public func invalidate() {
        state.withLock { state in
            state.readEverything = nil
            state.readVersions = [:]
        }
    }

    func kind(_ kind: String, in version: GroupVersion) -> DiscoveredResource? {
        state.withLock { $0.kinds[version]?[kind] }
    }

    /// Keeps the answer to a question for everything.
    func keep(_ discovery: Discovery) {
        let now = now()
        state.withLock { state in
            let known = state.discovery
            state.discovery = discovery
            // What is down for the moment is not forgotten.
            for failure in discovery.failures {
                guard let name = GroupVersion(failure.apiVersion) else { continue }
                let group = known.groups.first { $0.name == name.group }
                guard let version = group?.versions.first(where: { $0.name == name.version }) else { continue }
                state.discovery.set(name, version)
            }
            state.kinds = [:]
            for group in state.discovery.groups {
                for version in group.versions {
                    state.kinds[GroupVersion(group: group.name, version: version.name)] = Self.index(version)
                }
            }
            state.readEverything = now
            state.isComplete = true
            state.readVersions = [:]
        }
    }

    /// Keeps the answer to a question for one version; nil when the server does not serve it.
    func keep(_ version: Discovery.Version?, as name: GroupVersion) {
        let now = now()
        state.withLock { state in
            state.discovery.failures.removeAll { $0.apiVersion == name.description }
            state.discovery.set(name, version)
            state.kinds[name] = version.map(Self.index)
            state.readVersions[name] = now
        }
    }

    private static func index(_ version: Discovery.Version) -> [String: DiscoveredResource] {
        Dictionary(version.resources.map { ($0.api.kind, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Whether everything was ever read.
    var isComplete: Bool { state.withLock { $0.isComplete } }

    /// How old the answer to a question for everything is; nil when it is to be asked.
    var age: Duration? {
        let now = now()
        return state.withLock { state in state.readEverything.map { now - $0 } }
    }

    /// What to read to learn whether a version has what is missing from it; nil when that was read just now. `ended`
    /// must follow.
    func begin(_ name: GroupVersion) -> Read? {
        let now = now()
        return state.withLock { state in
            let oldest = now - Self.missInterval
            state.readVersions = state.readVersions.filter { $0.value > oldest }
            if state.readVersions[name] != nil { return nil }
            let isDown = state.discovery.failures.contains { $0.apiVersion == name.description }
            if let read = state.readEverything, read > oldest, !isDown { return nil }
            let others = state.readVersions.count + state.reading.count { $0.key != name }
            guard others < Self.versionReads || isDown else { return .everything }
            state.reading[name, default: 0] += 1
            return .version(name)
        }
    }

    /// A caller of `begin` waits no longer.
    func ended(_ read: Read) {
        guard case .version(let name) = read else { return }
        state.withLock { state in
            let callers = (state.reading[name] ?? 1) - 1
            state.reading[name] = callers > 0 ? callers : nil
        }
    }

    /// How long the answer that something is not in a version, or anywhere, stands from now on.
    func retryAfter(_ name: GroupVersion? = nil) -> Duration {
        let now = now()
        return state.withLock { state in
            let read = [state.readEverything, name.flatMap { state.readVersions[$0] }].compactMap(\.self).max()
            return max(.zero, (read ?? now) + Self.missInterval - now)
        }
    }
}
