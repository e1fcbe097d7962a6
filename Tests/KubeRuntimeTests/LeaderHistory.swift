import JSON
import KubeClient
import TestEnvironment

/// Every write to the ConfigMaps `fenced` and `gated`, in the order in which they were stored.
struct LeaderHistory: Sendable {
    struct Write: Sendable, Hashable {
        let object: String
        let epoch: Int
        let writer: String
    }

    private(set) var writes: [Write] = []

    private static let configMaps = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")

    /// Follows a namespace until there is a ConfigMap `end`. Goes on where it was when the API server comes back.
    static func follow(_ client: KubeClient, _ namespace: String, from version: String) async throws -> LeaderHistory {
        let objects = client.resources(configMaps, namespace: namespace)
        var history = LeaderHistory()
        var version = version
        while true {
            do {
                var isOver = false
                try await objects.observe(from: version) { event in
                    guard case .modified(let object) = event else {
                        if case .added(let object) = event {
                            version = object.metadata.resourceVersion
                            isOver = object.metadata.name == "end"
                        }
                        return isOver
                    }
                    version = object.metadata.resourceVersion
                    history.append(object)
                    return false
                }
                return history
            } catch let error as KubeError where error.code == .expired {
                // A new API server's cache begins after the last writes before the old one's end. Of those only the
                // newest is left to see.
                let list = try await objects.list()
                list.items.forEach { history.append($0) }
                version = list.resourceVersion
                if list.items.contains(where: { $0.metadata.name == "end" }) { return history }
            } catch let error as KubeError where error.isRetryable {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private mutating func append(_ object: DynamicObject) {
        guard let data = object.content["data"], let epoch = data["epoch"]?.string.flatMap({ Int($0) }),
            let writer = data["writer"]?.string
        else { return }
        writes.append(Write(object: object.metadata.name, epoch: epoch, writer: writer))
    }

    func epochs(of object: String) -> [Int] {
        var epochs: [Int] = []
        for write in writes where write.object == object && epochs.last != write.epoch { epochs.append(write.epoch) }
        return epochs
    }

    /// Writes of an epoch that came after the first write of a newer one.
    func lateWrites(to object: String) -> [Write] {
        var newest = 0
        return writes.filter { write in
            guard write.object == object else { return false }
            newest = max(newest, write.epoch)
            return write.epoch < newest
        }
    }

    /// Epochs under which more than one process wrote.
    var sharedEpochs: [Int] {
        Dictionary(grouping: writes, by: \.epoch).filter { Set($0.value.map(\.writer)).count > 1 }.map(\.key)
    }
}
