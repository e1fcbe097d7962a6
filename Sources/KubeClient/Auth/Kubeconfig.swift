internal import JSON
internal import YAML

/// Clusters, users, and contexts that join one of each, from one kubeconfig file or from several.
///
/// Several files are merged as kubectl does it: the first file that defines a context, cluster or user of some name
/// defines all of it, and the first that sets `current-context` sets it. Relative paths are relative to the file they
/// stand in.
public struct Kubeconfig: Sendable {
    private(set) var entries: [KubeconfigEntry.Kind: [KubeconfigEntry]]
    /// The context that is used when none is named; nil when no file says.
    public private(set) var currentContext: String?
    /// Where it came from, for messages: one path, or several with colons between them.
    private(set) var source: String

    /// Reads one kubeconfig, which must exist.
    /// - Throws: `ConfigurationError`, or an error that names the file that cannot be read.
    public static func load(path: String) throws -> Kubeconfig {
        try Kubeconfig(parsing: FileContents.read(path), path: path)
    }

    /// Reads several kubeconfigs, the most important one first, as the variable `KUBECONFIG` lists them.
    ///
    /// Files that do not exist are skipped, and so are empty ones; one at least must be there. A file that exists must
    /// be a readable kubeconfig.
    /// - Throws: `ConfigurationError`, or an error that names the file that cannot be read.
    public static func load(paths: [String]) throws -> Kubeconfig {
        var merged: Kubeconfig?
        for path in paths where !path.isEmpty {
            guard let bytes = try FileContents.readIfPresent(path), !bytes.isEmpty else { continue }
            let next = try Kubeconfig(parsing: bytes, path: path)
            if merged == nil { merged = next } else { merged?.merge(next) }
        }
        guard let merged else {
            throw ConfigurationError(
                "none of the kubeconfig files \(paths.joined(separator: ":")) exists; "
                    + "correct KUBECONFIG, or name a file by --kubeconfig"
            )
        }
        return merged
    }

    /// Parses a kubeconfig.
    /// - Parameter path: where it came from, for messages and for relative paths.
    public init(parsing bytes: [UInt8], path: String) throws {
        let documents: [YAMLDocument]
        do {
            documents = try YAMLDocument.parse(bytes)
        } catch {
            throw ConfigurationError("kubeconfig \(path), \(error)")
        }
        let known = ["clusters", "users", "contexts", "current-context"]
        guard let document = documents.first?.value, known.contains(where: { document[$0] != nil }) else {
            throw ConfigurationError("kubeconfig \(path) has no clusters, users or contexts; is it a kubeconfig?")
        }
        source = path
        currentContext = document["current-context"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        entries = [:]
        for kind in KubeconfigEntry.Kind.allCases {
            entries[kind] = try Self.entries(of: kind, in: document, path)
        }
    }

    /// The names of the contexts, in the order of the files.
    public var contexts: [String] { entries[.context]?.map(\.name) ?? [] }

    private static func entries(
        of kind: KubeconfigEntry.Kind,
        in document: JSONValue,
        _ path: String
    ) throws(ConfigurationError) -> [KubeconfigEntry] {
        let key = "\(kind.rawValue)s"
        guard let list = document[key], !list.isNull else { return [] }
        guard let elements = list.array else { throw ConfigurationError("kubeconfig \(path): \(key) must be a list") }
        var entries: [KubeconfigEntry] = []
        for (index, element) in elements.enumerated() {
            guard let name = element["name"]?.string else {
                throw ConfigurationError("kubeconfig \(path): \(key)[\(index)] has no name, a string")
            }
            guard !entries.contains(where: { $0.name == name }) else {
                throw ConfigurationError("kubeconfig \(path) has two \(key) named \"\(name)\"")
            }
            let fields = element[kind.rawValue] ?? .null
            guard fields.isNull || fields.object != nil else {
                throw ConfigurationError("kubeconfig \(path): \(key)[\(index)].\(kind.rawValue) must have fields")
            }
            entries.append(KubeconfigEntry(kind: kind, name: name, path: path, fields: fields))
        }
        return entries
    }

    /// Adds what is not there yet.
    private mutating func merge(_ other: Kubeconfig) {
        source += ":\(other.source)"
        currentContext = currentContext ?? other.currentContext
        for (kind, added) in other.entries {
            let present = Set(entries[kind]?.map(\.name) ?? [])
            entries[kind]?.append(contentsOf: added.filter { !present.contains($0.name) })
        }
    }

    func entry(_ kind: KubeconfigEntry.Kind, _ name: String) throws(ConfigurationError) -> KubeconfigEntry {
        guard let entry = entries[kind]?.first(where: { $0.name == name }) else {
            let others = entries[kind]?.map(\.name) ?? []
            let hint = others.isEmpty ? "it has none" : "there are: \(others.joined(separator: ", "))"
            throw ConfigurationError("kubeconfig \(source) has no \(kind.rawValue) \"\(name)\"; \(hint)")
        }
        return entry
    }
}

extension Kubeconfig: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where it came from, and its contexts; nothing of its users.
    public var description: String { "kubeconfig \(source) with the contexts \(contexts.joined(separator: ", "))" }

    /// The same.
    public var debugDescription: String { description }

    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
