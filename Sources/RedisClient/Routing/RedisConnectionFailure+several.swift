extension RedisConnectionFailure {
    /// The failures of several servers as one, which names each and why.
    init(_ what: String, _ failures: [RedisConnectionFailure], orElse endpoint: RedisEndpoint) {
        let reasons = failures.map { "\($0.endpoint): \($0.detail)" }.joined(separator: " ")
        let first = failures.first
        self.init(first?.reason ?? .network, first?.endpoint ?? endpoint, "\(what) \(reasons)")
    }

    /// What a command's failure says about the server it was for.
    init(_ error: RedisError, of endpoint: RedisEndpoint) {
        switch error {
        case .connectionFailed(let failure), .connectionLost(_, let failure): self = failure
        case .timedOut(_, let detail): self.init(.timeout, endpoint, detail)
        case .server(let reply): self.init(.refusedByServer, endpoint, reply.message)
        default: self.init(.network, endpoint, "\(error)")
        }
    }
}
