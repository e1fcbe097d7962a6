internal import JSON

/// One cluster, user or context of a kubeconfig, and the file it comes from.
struct KubeconfigEntry: Sendable {
    /// The three kinds, as kubeconfigs call them in the singular.
    enum Kind: String, CaseIterable, Sendable {
        case cluster, user, context
    }

    let kind: Kind
    let name: String
    /// The file that defines it. Paths in it are relative to that file's directory.
    let path: String
    /// What stands below the key named after the kind.
    let fields: JSONValue

    /// nil when absent, null or empty: kubectl tells these apart nowhere.
    func string(_ key: String) throws(ConfigurationError) -> String? {
        switch fields[key] {
        case nil, .null: return nil
        case .string(let text): return text.isEmpty ? nil : text
        case let other?: throw error(key, "must be a string in quotes, not \(other.kind)")
        }
    }

    /// False when absent or null.
    func flag(_ key: String) throws(ConfigurationError) -> Bool {
        switch fields[key] {
        case nil, .null: return false
        case .bool(let value): return value
        case let other?: throw error(key, "must be true or false, not \(other.kind)")
        }
    }

    /// Empty when absent or null.
    func strings(_ key: String) throws(ConfigurationError) -> [String] {
        switch fields[key] {
        case nil, .null: return []
        case let value?: return try strings(value, key)
        }
    }

    /// A value that is a list of strings.
    func strings(_ value: JSONValue, _ key: String) throws(ConfigurationError) -> [String] {
        guard let elements = value.array else { throw error(key, "must be a list of strings") }
        let texts = elements.compactMap(\.string)
        guard texts.count == elements.count else { throw error(key, "must be a list of strings; quote them") }
        return texts
    }

    /// The path of a file named by a field.
    func file(_ key: String) throws(ConfigurationError) -> String? {
        guard let path = try string(key) else { return nil }
        return resolve(path)
    }

    /// The bytes of a field in base64.
    func data(_ key: String) throws(ConfigurationError) -> [UInt8]? {
        guard let text = try string(key) else { return nil }
        guard let bytes = Base64.decode(text) else { throw error(key, "is not base64") }
        return bytes
    }

    /// An absolute path, or one relative to the directory of this entry's file.
    func resolve(_ file: String) -> String {
        guard !file.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return file }
        return String(path[...slash]) + file
    }

    /// What is wrong with a field, said with its file and entry.
    func error(_ key: String, _ problem: String) -> ConfigurationError {
        ConfigurationError("kubeconfig \(path), \(kind.rawValue) \"\(name)\": \(key) \(problem)")
    }
}
