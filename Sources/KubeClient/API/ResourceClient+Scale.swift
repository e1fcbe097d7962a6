internal import HTTPTransport
internal import JSON

/// How many replicas there are to be, and how many there are (`autoscaling/v1.Scale`).
public struct Scale: Sendable, Hashable {
    /// Wanted.
    public let replicas: Int
    /// Seen by the controller.
    public let observedReplicas: Int
    /// Which pods they are, as a label selector; nil where the kind does not say.
    public let selector: String?
}

extension ResourceClient {
    /// Reads how many replicas an object has, whatever its kind, as long as that kind has the scale subresource.
    public func scale(_ name: String) async throws -> Scale {
        try await scale("get", name, method: .get, body: nil)
    }

    /// Says how many replicas an object is to have.
    public func scale(_ name: String, to replicas: Int) async throws -> Scale {
        try await scale("patch", name, method: .patch, body: ["spec": ["replicas": .int(Int64(replicas))]])
    }

    private func scale(_ verb: String, _ name: String, method: HTTPMethod, body: JSONValue?) async throws -> Scale {
        let operation = operation(verb, name, .scale)
        let answer = try await client.send(
            operation,
            method: method,
            path: path(operation, name, .scale),
            contentType: "application/merge-patch+json",
            body: body?.serialized()
        )
        return Scale(
            // The server leaves out zeros.
            replicas: Int(answer[path: "spec", "replicas"]?.int ?? 0),
            observedReplicas: Int(answer[path: "status", "replicas"]?.int ?? 0),
            selector: answer[path: "status", "selector"]?.string
        )
    }
}
