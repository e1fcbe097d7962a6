import JSON
import KubeClient

extension Sample {
    /// An object with so many steps; two make 1.9 kB of JSON as the server sends it, `managedFields` included, 178 make
    /// 18 kB.
    init(number: Int, steps: Int) {
        metadata = ObjectMeta(
            name: Self.name(number),
            labels: [
                "app.kubernetes.io/name": "sample", "app.kubernetes.io/part-of": "benchmark",
                "bench.honua.io/half": number.isMultiple(of: 2) ? "even" : "odd",
            ]
        )
        metadata.annotations = ["bench.honua.io/description": "Object number \(number) of those that are measured."]
        metadata.finalizers = ["bench.honua.io/sample"]
        spec.image = "registry.example.com/team/sample:1.\(number % 100).0"
        spec.replicas = number % 7
        spec.ratio = Double(number % 100) / 8
        spec.parameters = ["region": "eu-central-\(number % 3)", "dataset": "tiles/\(number)", "format": "geopackage"]
        spec.steps = (0..<steps).map { index in
            var step = SampleStep()
            step.name = "step-\(index)"
            step.action = "http.example.com/convert"
            step.timeout = "\(index + 30)s"
            step.needs = index == 0 ? nil : ["step-\(index - 1)"]
            return step
        }
    }

    static func name(_ number: Int) -> String { "sample-\(number)" }

    /// What a controller writes about an object that it has finished.
    static func status(at time: Timestamp) -> SampleStatus {
        var status = SampleStatus()
        status.phase = "Completed"
        status.observedGeneration = 1
        status.startTime = time
        status.conditions = ["Ready", "Completed"].map { type in
            var condition = SampleCondition()
            condition.type = type
            condition.status = "True"
            condition.reason = "AllStepsDone"
            condition.message = "Every step has come to its end."
            condition.lastTransitionTime = time
            return condition
        }
        return status
    }

    /// Teaches the server the kind, and waits until it serves it.
    static func install(with client: KubeClient) async throws {
        let kind = APIResource(
            group: "apiextensions.k8s.io",
            version: "v1",
            kind: "CustomResourceDefinition",
            plural: "customresourcedefinitions",
            isNamespaced: false
        )
        let definitions = client.resources(kind)
        var root = schema
        // The server has its own.
        root.properties["metadata"] = JSONSchema(.object)
        let created = try await definitions.create(
            DynamicObject(json: [
                "metadata": ["name": .string(api.qualifiedName)],
                "spec": [
                    "group": .string(api.group), "scope": "Namespaced",
                    "names": ["kind": .string(api.kind), "plural": .string(api.plural)],
                    "versions": [
                        [
                            "name": .string(api.version), "served": true, "storage": true,
                            "schema": ["openAPIV3Schema": root.openAPI], "subresources": ["status": [:]],
                        ]
                    ],
                ],
            ])
        )
        let selection = Selection(fieldSelector: "metadata.name=\(api.qualifiedName)")
        for try await event in definitions.watch(selection, from: .version(created.metadata.resourceVersion)) {
            if case .modified(let definition) = event, definition.hasCondition("Established") { return }
        }
    }

    /// Makes objects with a status, 16 at a time, in a namespace of their own.
    static func populate(_ namespace: String, count: Int, steps: Int, with client: KubeClient) async throws {
        let namespaces = APIResource(version: "v1", kind: "Namespace", plural: "namespaces", isNamespaced: false)
        _ = try await client.resources(namespaces).create(
            DynamicObject(json: ["metadata": ["name": .string(namespace)]])
        )
        let samples = client.resources(Sample.self, namespace: namespace)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<count {
                if number >= 16 { try await group.next() }
                group.addTask {
                    _ = try await samples.create(Sample(number: number, steps: steps))
                    _ = try await samples.patch(
                        name(number),
                        .merge(["status": status(at: .now.wholeSeconds).json()]),
                        subresource: .status
                    )
                }
            }
            try await group.waitForAll()
        }
    }
}
