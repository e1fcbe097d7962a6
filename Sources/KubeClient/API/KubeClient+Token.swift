internal import HTTPTransport
public import JSON

/// A token for a service account, which the server forgets by itself when its time is over.
public struct ServiceAccountToken: Sendable {
    /// The bearer token. A secret.
    public let token: String
    /// When it stops being accepted.
    public let expires: Timestamp
}

extension ServiceAccountToken: CustomStringConvertible, CustomDebugStringConvertible {
    /// When it expires. Never the token: what is printed must give nothing away.
    public var description: String { "a token that expires at \(expires)" }

    /// The same.
    public var debugDescription: String { description }
}

extension KubeClient {
    /// Asks for a token of a service account (`authentication.k8s.io/v1` TokenRequest).
    /// - Parameters:
    ///   - account: namespace and name of the service account.
    ///   - audiences: whom the token is for; the API server when empty.
    ///   - lifetime: in whole seconds; servers grant ten minutes at least, and may shorten it.
    public func requestToken(
        for account: ObjectKey,
        audiences: [String] = [],
        lifetime: Duration = .seconds(3600)
    ) async throws -> ServiceAccountToken {
        let operation = KubeOperation(
            verb: "create",
            resource: "serviceaccounts/token",
            name: account.name,
            namespace: account.namespace
        )
        var spec: JSONValue = ["expirationSeconds": .int(lifetime.wholeSeconds)]
        if !audiences.isEmpty { spec["audiences"] = .array(audiences.map { .string($0) }) }
        let request: JSONValue = ["apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec]
        let accounts = APIResource(version: "v1", kind: "ServiceAccount", plural: "serviceaccounts")
        let answer = try await send(
            operation,
            method: .post,
            path: accounts.path(namespace: account.namespace, name: account.name, subresource: .token),
            body: request.serialized()
        )
        guard let token = answer[path: "status", "token"]?.string,
            let expires = answer[path: "status", "expirationTimestamp"],
            let timestamp = try? Timestamp(json: expires)
        else { throw KubeError(.unreadable, operation, "the answer holds no token with an expiry") }
        return ServiceAccountToken(token: token, expires: timestamp)
    }
}
