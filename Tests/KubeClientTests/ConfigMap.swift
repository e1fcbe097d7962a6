import JSON
import KubeClient

struct ConfigMap: KubeResource, Codable {
    static let api = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")
    var metadata: ObjectMeta
    var data: [String: String]?

    init(_ name: String, _ data: [String: String]? = nil, labels: [String: String]? = nil) {
        metadata = ObjectMeta(name: name, labels: labels)
        self.data = data
    }
}
