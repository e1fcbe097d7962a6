import JSON
import KubeClient

let deployments = APIResource(group: "apps", version: "v1", kind: "Deployment", plural: "deployments")

/// A deployment of two containers.
func deployment(_ name: String) throws -> DynamicObject {
    try DynamicObject(json: [
        "metadata": ["name": .string(name)],
        "spec": [
            "replicas": 2, "selector": ["matchLabels": ["app": "web"]],
            "template": [
                "metadata": ["labels": ["app": "web"]],
                "spec": ["containers": [["name": "one", "image": "one:1"], ["name": "two", "image": "two:1"]]],
            ],
        ],
    ])
}
