internal import KubeClient
internal import Logging

/// What tells this installation from others that use the same Redis.
enum Installation {
    /// The configured id, or the UID of the operator's namespace: no two clusters, and no two namespaces of one, have the
    /// same. Waits for an API server that does not answer.
    static func id(
        of namespace: String,
        _ client: KubeClient,
        _ configuration: OperatorConfiguration,
        _ log: Logger
    ) async throws -> String {
        if let installation = configuration.installation { return installation }
        let api = APIResource(version: "v1", kind: "Namespace", plural: "namespaces", isNamespaced: false)
        var delay = Duration.milliseconds(200)
        while true {
            do {
                return try await client.resources(api).get(namespace).metadata.uid
            } catch let error as KubeError where error.isRetryable {
                log.warning("waiting for the API server, to read the namespace \(namespace): \(error)")
                try await Task.sleep(for: delay)
                delay = min(delay * 2, .seconds(5))
            } catch {
                throw OperatorService.StartupFailure(
                    description: "cannot read the namespace \(namespace), whose UID keeps the keys of installations "
                        + "apart in Redis: \(error). Allow it (honua rbac prints the Role), or set "
                        + "Operator__InstallationId to a text that no other installation on this Redis has"
                )
            }
        }
    }
}
