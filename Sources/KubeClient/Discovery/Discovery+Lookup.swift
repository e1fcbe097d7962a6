extension Discovery {
    /// A kind in one version of a group; nil when it is not there.
    /// - Parameter apiVersion: as objects carry it: `v1` or `apps/v1`.
    public func resource(apiVersion: String, kind: String) -> DiscoveredResource? {
        guard let name = GroupVersion(apiVersion) else { return nil }
        return version(name)?.resources.first { $0.api.kind == kind }
    }

    /// A kind in whatever version of its group is best; nil when it is in none.
    /// - Parameters:
    ///   - group: empty for the core group.
    ///   - preferredVersion: taken when the kind is in it; else, and when nil, the first in the server's order that has it.
    public func resource(group: String, kind: String, preferredVersion: String? = nil) -> DiscoveredResource? {
        let versions = groups.first { $0.name == group }?.versions ?? []
        return (versions.filter { $0.name == preferredVersion } + versions).lazy.compactMap { version in
            version.resources.first { $0.api.kind == kind }
        }.first
    }

    /// A kind by what people type, in small or capital letters; nil when nothing is called so.
    ///
    /// Resolved as kubectl does (client-go `restmapper/shortcut.go`, apimachinery `schema.ParseResourceArg` and
    /// `ParseKindArg`, cli-runtime `resource/builder.go`):
    /// - `deployments`, `deployment`, `deploy`, `Deployment`: any group, in the server's order, the core group first;
    /// - `deployments.apps`: that group, or else the first whose name begins so;
    /// - `deployments.v1.apps`, and `pods.v1.` for the core group: exactly that version.
    ///
    /// A plural or singular name, in whatever group, goes before a short name, and that before a kind.
    public func resource(named name: String) -> DiscoveredResource? {
        let name = name.lowercased()
        let parts = name.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        if parts.count == 3, let version = version(GroupVersion(group: parts[2], version: parts[1])),
            let resource = Self.match(parts[0], in: version.resources)
        {
            return resource
        }
        guard parts.count > 1 else { return Self.match(name, in: resources) }
        let group = name.dropFirst(parts[0].count + 1)
        let exact = groups.filter { $0.name == group }
        let similar = groups.filter { !group.isEmpty && $0.name.hasPrefix(group) }
        return Self.match(parts[0], in: (exact + similar).flatMap { $0.versions.flatMap(\.resources) })
    }

    private static func match(_ word: String, in resources: [DiscoveredResource]) -> DiscoveredResource? {
        resources.first { $0.api.plural == word || $0.singular == word }
            ?? resources.first { $0.shortNames.contains(word) }
            ?? resources.first { $0.api.kind.lowercased() == word }
    }

    private func version(_ name: GroupVersion) -> Version? {
        groups.first { $0.name == name.group }?.versions.first { $0.name == name.version }
    }
}

extension Discovery {
    /// How many close matches are worth showing.
    private static let suggestionCount = 3

    /// What someone who asked for a kind in vain may have meant: the same kind elsewhere, then kinds spelled almost so.
    func suggestions(kind: String, apiVersion: String?) -> [String] {
        let wanted = kind.lowercased()
        return closest(to: wanted, apiVersion) { [$0.api.kind.lowercased()] }
            .map { "\($0.kind) in \($0.apiVersion)" }
    }

    /// What someone who typed a name in vain may have meant.
    func suggestions(name: String) -> [String] {
        let word =
            name.lowercased().split(separator: ".", omittingEmptySubsequences: false).first.map(String.init) ?? ""
        return closest(to: word, nil) { [$0.api.plural, $0.singular] + $0.shortNames.filter { $0.utf8.count > 3 } }
            .map(\.qualifiedName)
    }

    private func closest(
        to word: String,
        _ apiVersion: String?,
        names: (DiscoveredResource) -> [String]
    ) -> [APIResource] {
        // One wrong letter in three is a slip; more is another word.
        let limit = max(1, word.utf8.count / 3)
        let candidates = preferredResources.compactMap { resource -> (distance: Int, api: APIResource)? in
            let distance = names(resource).map { EditDistance.between($0, word, limit: limit) }.min() ?? .max
            return distance <= limit ? (distance, resource.api) : nil
        }
        // The sort is stable where it matters: by distance, then the version asked for, then the server's order.
        return candidates.enumerated().sorted { left, right in
            let (a, b) = (left.element, right.element)
            let isOther = (a.api.apiVersion != apiVersion, b.api.apiVersion != apiVersion)
            return (a.distance, isOther.0 ? 1 : 0, left.offset) < (b.distance, isOther.1 ? 1 : 0, right.offset)
        }.prefix(Self.suggestionCount).map(\.element.api)
    }
}

/// How many letters differ between two words.
enum EditDistance {
    /// Insertions, deletions and replacements (Levenshtein); anything above `limit` when there are more than that.
    static func between(_ first: String, _ second: String, limit: Int) -> Int {
        let (first, second) = (Array(first.utf8), Array(second.utf8))
        guard abs(first.count - second.count) <= limit else { return limit + 1 }
        var row = Array(0...second.count)
        for (i, letter) in first.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in second.enumerated() {
                let replaced = diagonal + (letter == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[second.count]
    }
}
