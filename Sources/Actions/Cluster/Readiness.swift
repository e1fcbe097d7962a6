internal import JSON

/// Whether an object has become what its spec asks for.
///
/// The rules are those of kstatus (kubernetes-sigs/cli-utils, `pkg/kstatus/status`), which kubectl plugins, Flux and Config
/// Sync share: what every kind has in common first, then rules per kind. They differ in five places, each towards
/// what someone who waits wants to know:
/// - a Pod that has failed is `failed`; kstatus calls it current, since nothing more happens to it;
/// - a Pod that cannot be scheduled is `inProgress`, since a node may come; kstatus gives it 15 s;
/// - a Service of type LoadBalancer needs its address, too;
/// - workloads that are updated when their Pods are deleted (`OnDelete`) need their Pods ready, whatever revision they are of;
/// - workloads need an `observedGeneration`: before their controller has seen them, their zeros mean nothing.
enum Readiness: Sendable, Hashable {
    /// The object is as its spec asks for.
    case ready
    /// It may become ready; why it is not yet.
    case inProgress(String)
    /// It does not become ready by itself; why.
    case failed(String)
    /// Its deletion was asked for.
    case terminating

    /// Judges an object as it was read.
    init(of object: JSONValue) {
        self = Self.common(object) ?? Self.ofKind(object) ?? Self.readyCondition(object) ?? .ready
    }

    /// What holds for every kind; nil when that decides nothing.
    private static func common(_ object: JSONValue) -> Readiness? {
        if object[path: "metadata", "deletionTimestamp"]?.string != nil { return .terminating }
        if let generation = object[path: "metadata", "generation"]?.int,
            let observed = object[path: "status", "observedGeneration"]?.int, observed != generation
        {
            return .inProgress("its controller has seen generation \(observed) and not yet \(generation)")
        }
        for condition in object.conditions where condition["status"] == "True" {
            switch condition["type"] {
            case "Reconciling": return .inProgress(condition.words)
            case "Stalled": return .failed(condition.words)
            default: continue
            }
        }
        return nil
    }

    /// The last word for kinds without rules. Not before the rules: a Pod that has succeeded is not `Ready`.
    private static func readyCondition(_ object: JSONValue) -> Readiness? {
        guard let condition = object.condition("Ready"), condition["status"] != "True" else { return nil }
        return .inProgress(condition.words)
    }

    private static func ofKind(_ object: JSONValue) -> Readiness? {
        let version = object["apiVersion"]?.string ?? ""
        let group = version.contains("/") ? version.prefix { $0 != "/" } : ""
        return switch (group, object["kind"]?.string ?? "") {
        case ("apps", "Deployment"), ("extensions", "Deployment"): deployment(object)
        case ("apps", "StatefulSet"): statefulSet(object)
        case ("apps", "DaemonSet"), ("extensions", "DaemonSet"): daemonSet(object)
        case ("apps", "ReplicaSet"), ("extensions", "ReplicaSet"), ("", "ReplicationController"): replicaSet(object)
        case ("", "Pod"): pod(object)
        case ("batch", "Job"): job(object)
        case ("", "PersistentVolumeClaim"): volumeClaim(object)
        case ("", "Service"): service(object)
        case ("policy", "PodDisruptionBudget"): disruptionBudget(object)
        case ("apiextensions.k8s.io", "CustomResourceDefinition"): definition(object)
        case ("", "Namespace"): namespace(object)
        case ("apiregistration.k8s.io", "APIService"): apiService(object)
        default: nil
        }
    }
}

extension JSONValue {
    /// The conditions in the status of an object.
    var conditions: [JSONValue] { self[path: "status", "conditions"]?.array ?? [] }

    /// The condition of a type, if the object has it.
    func condition(_ type: String) -> JSONValue? { conditions.first { $0["type"]?.string == type } }

    /// What a condition tells people: its type and status, then reason and message if there are any.
    var words: String {
        let name = "\(self["type"]?.string ?? "a condition") is \(self["status"]?.string ?? "unknown")"
        let reasons = [self["reason"]?.string, self["message"]?.string].compactMap(\.self).filter { !$0.isEmpty }
        return ([name] + reasons).joined(separator: ": ")
    }
}
