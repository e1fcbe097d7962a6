internal import JSON

/// Reads the documents in which an API server describes itself.
///
/// There are two forms. Servers since 1.26 answer `/api` and `/apis` with everything at once (`APIGroupDiscoveryList` of
/// apidiscovery.k8s.io/v2 or v2beta1, KEP-3352). All servers list versions there (`APIVersions`, `APIGroupList`) and
/// describe each under its own path (`APIResourceList`).
///
/// What a document says beyond what is expected here is passed over, and so is an entry without the fields that every
/// request needs: a later server must not become unreadable by one new thing.
enum DiscoveryDocument {
    /// Everything at once.
    case aggregated(Discovery)
    /// The names of the versions, by group; each group's preferred one first.
    case versions([(group: String, versions: [String])])

    /// Reads the answer of `/api` or `/apis`; nil for anything else.
    init?(_ document: JSONValue) {
        switch document["kind"]?.string {
        case "APIGroupDiscoveryList": self = .aggregated(Self.aggregated(document))
        case "APIVersions": self = .versions([("", Self.strings(document["versions"]))])
        case "APIGroupList":
            self = .versions(
                (document["groups"]?.array ?? []).compactMap { group in
                    guard let name = group["name"]?.string else { return nil }
                    let versions = (group["versions"]?.array ?? []).compactMap { $0["version"]?.string }
                    let preferred = group[path: "preferredVersion", "version"]?.string
                    return (name, versions.filter { $0 == preferred } + versions.filter { $0 != preferred })
                }
            )
        default: return nil
        }
    }

    private static func aggregated(_ document: JSONValue) -> Discovery {
        var discovery = Discovery()
        for item in document["items"]?.array ?? [] {
            // The core group is the one without a name.
            let group = item[path: "metadata", "name"]?.string ?? ""
            var versions: [Discovery.Version] = []
            for version in item["versions"]?.array ?? [] {
                guard let name = version["version"]?.string else { continue }
                let groupVersion = GroupVersion(group: group, version: name)
                if version["freshness"]?.string == "Stale" {
                    discovery.failures.append(
                        Discovery.Failure(
                            apiVersion: groupVersion.description,
                            reason: "the API server behind it did not answer lately"
                        )
                    )
                } else {
                    let resources = version["resources"]?.array ?? []
                    versions.append(
                        Discovery.Version(name: name, resources: resources.compactMap { aggregated($0, groupVersion) })
                    )
                }
            }
            discovery.groups.append(Discovery.Group(name: group, versions: versions))
        }
        return discovery
    }

    /// nil without a kind: the server then has subresources only, on objects that cannot be read.
    private static func aggregated(_ entry: JSONValue, _ groupVersion: GroupVersion) -> DiscoveredResource? {
        guard let plural = entry["resource"]?.string, let kind = entry[path: "responseKind", "kind"]?.string,
            !kind.isEmpty
        else { return nil }
        let subresources = (entry["subresources"]?.array ?? []).compactMap { entry -> DiscoveredSubresource? in
            guard let name = entry["subresource"]?.string else { return nil }
            return subresource(name, entry, kind: entry["responseKind"], groupVersion)
        }
        return DiscoveredResource(
            api: APIResource(
                group: groupVersion.group,
                version: groupVersion.version,
                kind: kind,
                plural: plural,
                isNamespaced: entry["scope"]?.string == "Namespaced"
            ),
            singular: entry["singularResource"]?.string,
            shortNames: strings(entry["shortNames"]),
            categories: strings(entry["categories"]),
            verbs: Set(strings(entry["verbs"])),
            subresources: subresources
        )
    }

    /// Reads the answer of `/api/v1` or `/apis/G/V`; nil for anything else.
    static func version(_ document: JSONValue, _ groupVersion: GroupVersion) -> Discovery.Version? {
        guard document["kind"]?.string == "APIResourceList" else { return nil }
        var entries: [(plural: String, entry: JSONValue)] = []
        var subresources: [String: [DiscoveredSubresource]] = [:]
        for entry in document["resources"]?.array ?? [] {
            guard let name = entry["name"]?.string else { continue }
            if let slash = name.firstIndex(of: "/") {
                let below = String(name[name.index(after: slash)...])
                subresources[String(name[..<slash]), default: []].append(
                    subresource(below, entry, kind: entry, groupVersion)
                )
            } else {
                entries.append((name, entry))
            }
        }
        let resources = entries.compactMap { plural, entry -> DiscoveredResource? in
            guard let kind = entry["kind"]?.string, !kind.isEmpty else { return nil }
            return DiscoveredResource(
                api: APIResource(
                    group: groupVersion.group,
                    version: groupVersion.version,
                    kind: kind,
                    plural: plural,
                    isNamespaced: entry["namespaced"]?.bool ?? false
                ),
                singular: entry["singularName"]?.string,
                shortNames: strings(entry["shortNames"]),
                categories: strings(entry["categories"]),
                verbs: Set(strings(entry["verbs"])),
                subresources: subresources[plural] ?? []
            )
        }
        return Discovery.Version(name: groupVersion.version, resources: resources)
    }

    /// - Parameter kind: has the members `kind`, `group` and `version`; the last two may be missing or empty, which means
    ///   those of the resource.
    private static func subresource(
        _ name: String,
        _ entry: JSONValue,
        kind: JSONValue?,
        _ groupVersion: GroupVersion
    ) -> DiscoveredSubresource {
        let version = kind?["version"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        let own = version.map { GroupVersion(group: kind?["group"]?.string ?? "", version: $0) }
        return DiscoveredSubresource(
            name: name,
            kind: kind?["kind"]?.string ?? "",
            apiVersion: (own ?? groupVersion).description,
            verbs: Set(strings(entry["verbs"]))
        )
    }

    private static func strings(_ value: JSONValue?) -> [String] { (value?.array ?? []).compactMap(\.string) }
}
