public import JSON
public import KubeClient

extension CustomResourceDefinition {
    /// What installing a definition has changed.
    public enum Change: String, Sendable {
        /// It was not there.
        case created
        /// It was there in another form, or in the same one.
        case replaced
    }

    /// Creates or replaces a definition and waits until the server serves the kind.
    ///
    /// The whole object is sent, not applied: API servers before 1.25 drop the CEL rules they do not know, while apply
    /// would refuse them.
    /// - Throws: `KubeError`; `NotEstablished` when the server does not accept the names within `timeout`.
    public static func install(
        _ manifest: JSONValue,
        with client: KubeClient,
        timeout: Duration = .seconds(30)
    ) async throws -> Change {
        let definitions = client.resources(api)
        let wanted = try DynamicObject(json: manifest)
        let change: Change
        do {
            _ = try await definitions.create(wanted)
            change = .created
        } catch let error as KubeError where error.code == .alreadyExists {
            try await replace(wanted, definitions)
            change = .replaced
        }
        try await waitUntilEstablished(wanted.metadata.name, definitions, timeout)
        return change
    }

    /// A definition that the API server does not serve.
    public struct NotEstablished: Error, Sendable, CustomStringConvertible {
        /// What the server says about it.
        public let description: String
    }

    private static func replace(_ wanted: DynamicObject, _ definitions: ResourceClient<DynamicObject>) async throws {
        let attempts = 5
        for attempt in 1...attempts {
            let current = try await definitions.get(wanted.metadata.name)
            var content = wanted.content
            content["metadata"]?["resourceVersion"] = .string(current.metadata.resourceVersion)
            do {
                _ = try await definitions.replace(try DynamicObject(json: content))
                return
            } catch let error as KubeError where error.code == .conflict && attempt < attempts {
                continue
            }
        }
    }

    private static func waitUntilEstablished(
        _ name: String,
        _ definitions: ResourceClient<DynamicObject>,
        _ timeout: Duration
    ) async throws {
        let selection = Selection(fieldSelector: "metadata.name=\(name)")
        let deadline = ContinuousClock.now + timeout
        var last: DynamicObject?
        while ContinuousClock.now < deadline {
            let list = try await definitions.list(selection)
            last = list.items.first
            if last?.hasCondition("Established") == true { return }
            let left = max(.seconds(1), deadline - ContinuousClock.now)
            for try await event in definitions.watch(selection, from: list.resourceVersion, timeout: left) {
                guard case .modified(let object) = event else { continue }
                last = object
                if object.hasCondition("Established") { return }
            }
        }
        let messages = (last?.content[path: "status", "conditions"]?.array ?? []).compactMap { $0["message"]?.string }
        let reason = messages.isEmpty ? "it reports no condition" : messages.joined(separator: "; ")
        throw NotEstablished(description: "the API server does not serve \(name) after \(timeout): \(reason)")
    }
}
