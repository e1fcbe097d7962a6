internal import JSON

extension ExecPlugin {
    /// Where a cluster keeps what is meant for the plugins of its users.
    private static let extensionName = "client.authentication.k8s.io/exec"

    /// Reads `exec` of a user.
    init(
        _ user: KubeconfigEntry,
        _ exec: JSONValue,
        _ cluster: KubeconfigEntry,
        environment: [String: String]
    ) throws(ConfigurationError) {
        let fields = KubeconfigEntry(kind: .user, name: user.name, path: user.path, fields: exec)
        func error(_ key: String, _ problem: String) -> ConfigurationError { user.error("exec.\(key)", problem) }

        guard let command = try fields.string("command") else { throw error("command", "is missing") }
        guard let version = try fields.string("apiVersion") else { throw error("apiVersion", "is missing") }
        guard let apiVersion = APIVersion(rawValue: version) else {
            throw error(
                "apiVersion",
                "is \"\(version)\", but must be one of: \(APIVersion.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        // A bare name is looked up on PATH.
        self.init(command: command.contains("/") ? user.resolve(command) : command, apiVersion: apiVersion)
        arguments = try fields.strings("args")
        self.environment = environment
        installHint = try fields.string("installHint")
        provideClusterInfo = try fields.flag("provideClusterInfo")
        if let mode = try fields.string("interactiveMode") {
            guard let known = InteractiveMode(rawValue: mode) else {
                throw error("interactiveMode", "is \"\(mode)\", but must be Never, IfAvailable or Always")
            }
            interactiveMode = known
        } else if apiVersion == .v1 {
            throw error("interactiveMode", "is missing; \(version) wants Never, IfAvailable or Always")
        }
        clusterConfig = Self.config(of: cluster)
        let variables = exec["env"] ?? .null
        for variable in variables.isNull ? [] : variables.array ?? [.null] {
            guard let name = variable["name"]?.string, !name.isEmpty, let value = variable["value"]?.string else {
                throw error("env", "must be a list of entries with name and value, both strings")
            }
            self.environment[name] = value
        }
    }

    private static func config(of cluster: KubeconfigEntry) -> JSONValue? {
        cluster.fields["extensions"]?.array?.first { $0["name"]?.string == extensionName }?["extension"]
    }
}
