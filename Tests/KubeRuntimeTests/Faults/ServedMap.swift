import JSON
import KubeClient

/// The ConfigMaps of a `FaultyAPIServer`.
struct ServedMap: KubeResource, Codable {
    static let api = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")
    var metadata: ObjectMeta
    var data: [String: String]?
}
