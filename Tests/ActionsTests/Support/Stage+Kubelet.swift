import JSON
import KubeClient

extension Stage {
    /// Runs `body` while something stands in for the kubelet, which there is none of: it says of every Pod of the namespace
    /// that it runs and is ready, as soon as the Pod is made.
    /// - Parameter isReady: which Pods become ready; the others stay pending.
    func withKubelet<Result: Sendable>(
        isReady: @escaping @Sendable (DynamicObject) -> Bool = { _ in true },
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                try await runPods(isReady)
                return nil
            }
            group.addTask { try await body() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    private func runPods(_ isReady: @Sendable (DynamicObject) -> Bool) async throws {
        let pods = try await admin.resources(apiVersion: "v1", kind: "Pod", namespace: namespace)
        let list = try await pods.list()
        for pod in list.items where isReady(pod) { try await start(pod, pods) }
        var news: [DynamicObject] = []
        var version = list.resourceVersion
        while !Task.isCancelled {
            for try await event in pods.watch(from: version) {
                switch event {
                case .added(let pod):
                    version = pod.metadata.resourceVersion
                    if isReady(pod) { news.append(pod) }
                case .modified(let pod), .deleted(let pod): version = pod.metadata.resourceVersion
                case .bookmark(let bookmark, _): version = bookmark
                }
                for pod in news { try await start(pod, pods) }
                news = []
            }
        }
    }

    private func start(_ pod: DynamicObject, _ pods: ResourceClient<DynamicObject>) async throws {
        let conditions: JSONValue = ["ContainersReady", "Ready"].reduce(into: []) { list, type in
            list = .array((list.array ?? []) + [["type": .string(type), "status": "True"]])
        }
        do {
            _ = try await pods.patch(
                pod.metadata.name,
                .strategic(["status": ["phase": "Running", "conditions": conditions]]),
                subresource: .status
            )
        } catch let error as KubeError where error.code == .notFound || error.code == .conflict {
            // Its controller was faster.
        }
    }

    /// Sets the status of an object, as its controller or the kubelet does it.
    func setStatus(_ apiVersion: String, _ kind: String, _ name: String, _ status: JSONValue) async throws {
        let resources = try await admin.resources(apiVersion: apiVersion, kind: kind, namespace: namespace)
        _ = try await resources.patch(name, .merge(["status": status]), subresource: .status)
    }

    /// A workload with Pods of one container, as somebody else makes it.
    @discardableResult
    func makeWorkload(
        _ kind: String,
        _ name: String = "tiles",
        replicas: Int64? = 2,
        image: String = "example.test/tiles:1",
        spec: JSONValue = [:]
    ) async throws -> DynamicObject {
        let labels: JSONValue = ["app": .string(name)]
        var whole: JSONValue = [
            "selector": ["matchLabels": labels],
            "template": [
                "metadata": ["labels": labels],
                "spec": ["containers": [["name": "main", "image": .string(image)]]],
            ],
        ]
        whole["replicas"] = replicas.map { .int($0) }
        if kind == "StatefulSet" { whole["serviceName"] = .string(name) }
        return try await make([
            "apiVersion": "apps/v1", "kind": .string(kind), "metadata": ["name": .string(name)],
            "spec": whole.merging(spec),
        ])
    }

    /// The image in a workload's Pod template.
    func image(_ kind: String, _ name: String = "tiles") async throws -> String? {
        let containers = try await object("apps/v1", kind, name)?
            .content[path: "spec", "template", "spec", "containers"]
        return containers?[0]?["image"]?.string
    }
}
