public import JSON

/// A program that hands out credentials: `exec` of a kubeconfig's user, of `client.authentication.k8s.io`.
///
/// It is run when credentials are first needed, shortly before they expire, and after the server has refused them
/// (401); never twice at once. Those who need credentials meanwhile wait for the one run. See the Kubernetes
/// documentation, *Authentication, client-go credential plugins*, and KEP-541.
///
/// ## What it gets
/// Its arguments, its environment, and in the variable `KUBERNETES_EXEC_INFO` an `ExecCredential` that says whether it
/// may ask the user, and about the cluster if `provideClusterInfo` is set. Standard error is that of this process,
/// since that is where plugins explain themselves; no other descriptor of this process is open in it.
///
/// ## What it gives
/// An `ExecCredential` on standard output, at most 1 MiB, and exit status 0. That output is secret: it appears in no
/// log and in no error.
public struct ExecPlugin: Sendable {
    /// The versions of the protocol.
    public enum APIVersion: String, Sendable, CaseIterable {
        case v1 = "client.authentication.k8s.io/v1"
        case v1beta1 = "client.authentication.k8s.io/v1beta1"
    }

    /// Whether it may read standard input, which only a terminal is given to it for.
    public enum InteractiveMode: String, Sendable {
        case never = "Never"
        /// It may if standard input is a terminal.
        case ifAvailable = "IfAvailable"
        /// It must: without a terminal it is not run, and requests fail.
        case always = "Always"
    }

    /// A path, or a name that is looked up on the `PATH` of `environment`.
    public var command: String
    /// Without the command itself.
    public var arguments: [String] = []
    /// All of its variables, apart from `KUBERNETES_EXEC_INFO`.
    public var environment: [String: String]
    /// The version it is asked for, and has to answer in.
    public var apiVersion: APIVersion
    /// Said when the command is not there: how to get it.
    public var installHint: String?
    /// Default: `ifAvailable`, as in v1beta1.
    public var interactiveMode = InteractiveMode.ifAvailable
    /// Whether it is told of the cluster. Default false.
    public var provideClusterInfo = false
    /// What the cluster has for it: `spec.cluster.config`, from the cluster's extension
    /// `client.authentication.k8s.io/exec`.
    public var clusterConfig: JSONValue?
    /// How long it may take, unless it is interactive. Then it is killed, with all it has started. client-go has no
    /// limit and hangs with its plugin; 60 s are those of a slow API server, kube-apiserver `--request-timeout`.
    public var timeout: Duration = .seconds(60)

    /// - Parameter environment: that of this process when nil.
    public init(command: String, apiVersion: APIVersion = .v1, environment: [String: String]? = nil) {
        self.command = command
        self.apiVersion = apiVersion
        self.environment = environment ?? ProcessEnvironment.variables
    }

    /// `KUBERNETES_EXEC_INFO`.
    func request(isInteractive: Bool, cluster: JSONValue?) -> JSONValue {
        var spec: JSONValue = ["interactive": .bool(isInteractive)]
        if provideClusterInfo, var cluster {
            if let clusterConfig { cluster["config"] = clusterConfig }
            spec["cluster"] = cluster
        }
        return ["apiVersion": .string(apiVersion.rawValue), "kind": "ExecCredential", "spec": spec]
    }
}

extension ExecPlugin: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The command; neither its arguments nor its environment, which may hold secrets.
    public var description: String { "credential plugin \(command)" }

    /// The same.
    public var debugDescription: String { description }

    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
