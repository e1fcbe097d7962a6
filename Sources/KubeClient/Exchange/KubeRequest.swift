internal import HTTPTransport

/// A request to the API server, before anybody's credentials.
struct KubeRequest {
    let operation: KubeOperation
    var method: HTTPMethod = .get
    let path: String
    var query: [(String, String)] = []
    var accept = "application/json"
    var contentType = "application/json"
    var body: [UInt8]?
    /// nil: until the server ends it.
    var timeout: Duration?
    var idleTimeout: Duration?
    /// False for what is read as it is written: a compressor holds back what a reader waits for.
    var acceptsCompression = true

    /// Reads are repeated when the connection was lost, and pass a closed gate.
    var isRead: Bool { method.isSafe }

    /// Why the request would reach something else than it names: without a name the path is that of the whole kind, whose
    /// objects a `delete` would then delete; `..` leads out of it, and `/` further into it. client-go refuses the same
    /// (`k8s.io/apimachinery/pkg/api/validation/path`).
    var problem: String? {
        let isSound = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().allSatisfy { segment in
            !["", ".", ".."].contains(segment) && !segment.contains("%2F") && !segment.contains("%25")
        }
        return isSound
            ? nil : "a name or namespace is empty, \".\" or \"..\", or has a \"/\" or \"%\" in it; nothing was sent"
    }

    /// Gives it up by then, here and on the server, which otherwise might go on with what nobody waits for.
    mutating func end(within limit: Duration) {
        timeout = min(timeout ?? limit, limit)
        query.append(("timeout", "\(max(1, limit.nanoseconds / 1_000_000))ms"))
    }
}
