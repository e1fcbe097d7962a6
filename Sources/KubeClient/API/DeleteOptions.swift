internal import JSON

/// How an object is deleted.
public struct DeleteOptions: Sendable, Hashable {
    /// An object of the same name with another identity is left alone (`conflict`). Default nil: whatever is there.
    public var uid: String?
    /// An object that has changed since is left alone (`conflict`). Default nil: at whatever version it is.
    public var resourceVersion: String?
    /// What becomes of the objects it owns. Default nil: as the kind has it.
    public var propagation: PropagationPolicy?
    /// How long it may take to end, in whole seconds, rounded up; for pods. Default nil: as the object says. Zero kills
    /// at once.
    public var gracePeriod: Duration?
    /// Whether everything is checked and nothing done. Default false.
    public var isDryRun: Bool

    /// Options; see the properties for defaults.
    public init(
        uid: String? = nil,
        resourceVersion: String? = nil,
        propagation: PropagationPolicy? = nil,
        gracePeriod: Duration? = nil,
        isDryRun: Bool = false
    ) {
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.propagation = propagation
        self.gracePeriod = gracePeriod
        self.isDryRun = isDryRun
    }

    var body: [UInt8] {
        var options: JSONValue = ["apiVersion": "v1", "kind": "DeleteOptions"]
        var preconditions: JSONValue = [:]
        if let uid { preconditions["uid"] = .string(uid) }
        if let resourceVersion { preconditions["resourceVersion"] = .string(resourceVersion) }
        if preconditions != [:] { options["preconditions"] = preconditions }
        if let propagation { options["propagationPolicy"] = .string(propagation.rawValue) }
        if let gracePeriod { options["gracePeriodSeconds"] = .int(gracePeriod.wholeSeconds) }
        if isDryRun { options["dryRun"] = ["All"] }
        return options.serialized()
    }
}

/// What becomes of the objects that an object owns when it is deleted.
public enum PropagationPolicy: String, Sendable, Hashable {
    /// They go later, by the garbage collector.
    case background = "Background"
    /// They go first.
    case foreground = "Foreground"
    /// They stay.
    case orphan = "Orphan"
}
