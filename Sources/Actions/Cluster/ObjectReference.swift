internal import JSON
internal import KubeClient

/// Names one object of a cluster.
struct ObjectReference: Sendable, Hashable, CustomStringConvertible {
    /// For example `apps/v1`.
    let apiVersion: String
    /// For example `Deployment`.
    let kind: String
    /// nil for objects of the cluster.
    let namespace: String?
    /// Unique among the objects of the kind in the namespace.
    let name: String

    /// `Deployment gis/tiles`, or `Namespace gis` for an object of the cluster.
    var description: String { "\(kind) \(ObjectKey(namespace: namespace, name: name))" }
}

extension ObjectReference {
    /// The inputs by which a step names an object.
    static let inputs: [String: JSONSchema] = [
        "apiVersion": JSONSchema(.string).with(\.minLength, 1).with(\.description, "For example apps/v1."),
        "kind": JSONSchema(.string).with(\.minLength, 1).with(\.description, "For example Deployment."),
        "name": JSONSchema(.string).with(\.minLength, 1).with(\.description, "Of the object."),
        "namespace": JSONSchema(.string).with(\.minLength, 1)
            .with(\.description, "Of the object. Default: the namespace of the process."),
    ]

    /// The object that a step's inputs name.
    /// - Parameter namespace: where it is unless the inputs say so; without meaning for objects of the cluster.
    /// - Throws: `UnresolvedResource` when the server has no such kind; `KubeError`; `CancellationError`.
    init(_ inputs: JSONValue, namespace: String, in client: KubeClient) async throws {
        apiVersion = inputs["apiVersion"]?.string ?? ""
        kind = inputs["kind"]?.string ?? ""
        name = inputs["name"]?.string ?? ""
        let api = try await client.mapper.resource(apiVersion: apiVersion, kind: kind).api
        self.namespace = api.isNamespaced ? inputs["namespace"]?.string ?? namespace : nil
    }

    /// The requests for the object's kind and namespace.
    /// - Throws: `UnresolvedResource` when the server has no such kind; `KubeError`; `CancellationError`.
    func resources(in client: KubeClient) async throws -> ResourceClient<DynamicObject> {
        try await client.resources(apiVersion: apiVersion, kind: kind, namespace: namespace)
    }

    /// The object as it is; nil when there is none.
    /// - Throws: `UnresolvedResource` when the server has no such kind; `KubeError`; `CancellationError`.
    func current(in client: KubeClient) async throws -> DynamicObject? {
        do {
            return try await resources(in: client).get(name)
        } catch let error as KubeError where error.code == .notFound {
            return nil
        }
    }
}
