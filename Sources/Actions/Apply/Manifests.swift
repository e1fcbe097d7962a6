internal import JSON
internal import KubeClient
internal import Workflows
internal import YAML

/// The objects that a step applies, in the order in which it does.
struct Manifests: Sendable {
    let objects: [DynamicObject]

    /// What the store of a cluster holds of one object at most: etcd takes requests of 1.5 MiB
    /// (`--max-request-bytes`).
    static let maximumObjectBytes = 1_572_864

    /// - Parameter input: a list of objects, or YAML text of one or more documents; lists of objects count as what is in
    ///   them.
    /// - Throws: all that is wrong with them.
    init(_ input: JSONValue) throws(StepError) {
        var faults: [String] = []
        var objects: [DynamicObject] = []
        for (place, value) in try Self.documents(input).enumerated() {
            do throws(Fault) { objects.append(try Self.object(value)) } catch {
                faults.append("manifests[\(place)]: \(error.text)")
            }
        }
        var seen: Set<ObjectReference> = []
        for object in objects {
            let reference = ObjectReference(to: object)
            if !seen.insert(reference).inserted { faults.append("\(reference) is there twice") }
        }
        if objects.isEmpty && faults.isEmpty { faults.append("manifests: there is no object") }
        guard faults.isEmpty else {
            throw StepError(.permanent, "Invalid manifests", detail: faults.prefix(10).joined(separator: "; "))
        }
        self.objects = Self.ordered(objects)
    }

    // MARK: Reading

    private struct Fault: Error {
        let text: String
    }

    private static func documents(_ input: JSONValue) throws(StepError) -> [JSONValue] {
        guard case .string(let text) = input else { return flattened(input.array ?? []) }
        do {
            return flattened(try YAMLDocument.parse(text).map(\.value).filter { !$0.isNull })
        } catch {
            throw StepError(.permanent, "Invalid manifests", detail: "manifests: \(error)")
        }
    }

    private static func flattened(_ values: [JSONValue]) -> [JSONValue] {
        values.flatMap { value -> [JSONValue] in
            guard let items = value["items"]?.array, value["kind"]?.string?.hasSuffix("List") ?? false else {
                return [value]
            }
            return flattened(items)
        }
    }

    private static func object(_ value: JSONValue) throws(Fault) -> DynamicObject {
        guard case .object = value else { throw Fault(text: "is a \(value.kind), expected an object") }
        // Objects that were read from a server have its fields.
        let content = value.withoutServerFields
        let object: DynamicObject
        do { object = try DynamicObject(json: content) } catch { throw Fault(text: error.description) }
        for (member, text) in [("apiVersion", object.apiVersion), ("kind", object.kind)] where text ?? "" == "" {
            throw Fault(text: "\(member) is missing")
        }
        guard !object.metadata.name.isEmpty else { throw Fault(text: "metadata.name is missing") }
        let size = content.serialized().count
        guard size <= maximumObjectBytes else {
            let name = ObjectReference(to: object)
            throw Fault(text: "\(name) has \(size) bytes, and a cluster stores at most \(maximumObjectBytes)")
        }
        return object
    }

    // MARK: Order

    /// What others need comes first, what acts on everything last; the order given decides the rest. As Helm's and Kustomize's
    /// install orders have it.
    private static let ranks: [String: Int] = [
        "Namespace": 0, "CustomResourceDefinition": 1, "PriorityClass": 2, "StorageClass": 2, "ResourceQuota": 2,
        "LimitRange": 2, "ServiceAccount": 3, "ClusterRole": 4, "Role": 4, "ClusterRoleBinding": 5, "RoleBinding": 5,
        "NetworkPolicy": 6, "ConfigMap": 7, "Secret": 7, "PersistentVolume": 8, "PersistentVolumeClaim": 9,
        "Service": 10,
        "PodDisruptionBudget": 10, "HorizontalPodAutoscaler": 13, "Ingress": 13, "APIService": 14,
        "MutatingWebhookConfiguration": 15, "ValidatingWebhookConfiguration": 15,
    ]
    /// Workloads, and kinds that nobody here knows.
    private static let otherRank = 11

    private static func ordered(_ objects: [DynamicObject]) -> [DynamicObject] {
        objects.enumerated()
            .sorted { (rank(of: $0.element), $0.offset) < (rank(of: $1.element), $1.offset) }
            .map(\.element)
    }

    private static func rank(of object: DynamicObject) -> Int { ranks[object.kind ?? ""] ?? otherRank }
}

extension DynamicObject {
    /// Whether others can be applied only when this one is ready: a kind's definition, a namespace.
    var isFoundation: Bool { kind == "CustomResourceDefinition" || kind == "Namespace" }

    /// Whether it is the definition of another object's kind.
    func defines(kindOf other: DynamicObject) -> Bool {
        guard kind == "CustomResourceDefinition" else { return false }
        let group = other.apiVersion.flatMap { $0.split(separator: "/").dropLast().first.map(String.init) }
        let version = other.apiVersion?.split(separator: "/").last.map(String.init)
        let isServed = (content[path: "spec", "versions"]?.array ?? []).contains {
            $0["name"]?.string == version && $0["served"]?.bool == true
        }
        return content[path: "spec", "group"]?.string == group && isServed
            && content[path: "spec", "names", "kind"]?.string == other.kind
    }
}
