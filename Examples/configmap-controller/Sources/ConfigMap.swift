import KubeClient

/// The fields of a ConfigMap that matter here.
struct ConfigMap: KubeResource, Codable {
    static let api = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")

    var metadata: ObjectMeta
    var data: [String: String]?
    var binaryData: [String: String]?
}

extension ConfigMap {
    /// Label of a copy: the namespace of its original, which has the same name.
    static let mirroredFrom = "example.dev/mirrored-from"

    var namespace: String { metadata.namespace ?? "" }

    /// Of a copy: what it is a copy of.
    var original: ObjectKey? {
        metadata.labels?[Self.mirroredFrom].map { ObjectKey(namespace: $0, name: metadata.name) }
    }

    var isMirrored: Bool { metadata.labels?["example.dev/mirror"] == "true" }

    /// Where copies should be: nowhere once the label is gone or the object is being deleted.
    var targets: Set<String> {
        guard metadata.deletionTimestamp == nil, isMirrored else { return [] }
        let names = metadata.annotations?["example.dev/mirror-to"]?.split { $0 == "," || $0 == " " } ?? []
        return Set(names.map(String.init)).subtracting([namespace])
    }

    func copy(in target: String) -> ConfigMap {
        let labels = [Self.mirroredFrom: namespace]
        let metadata = ObjectMeta(name: metadata.name, namespace: target, labels: labels)
        return ConfigMap(metadata: metadata, data: data, binaryData: binaryData)
    }

    func hasContent(of other: ConfigMap) -> Bool { data == other.data && binaryData == other.binaryData }
}
