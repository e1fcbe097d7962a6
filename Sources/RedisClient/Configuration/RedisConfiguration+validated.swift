extension RedisConfiguration {
    /// Checks what a client needs and returns the server to use.
    func validated() throws(RedisError) -> RedisEndpoint {
        if let serviceName {
            throw .unsupported(feature: "Redis Sentinel (serviceName=\(serviceName))")
        }
        guard let endpoint = endpoints.first else {
            throw .invalidConfiguration("no endpoint is configured.")
        }
        guard endpoints.count == 1 else {
            throw .unsupported(
                feature: "Redis Cluster (\(endpoints.count) endpoints; for a single server name only one)"
            )
        }
        func require(_ condition: Bool, _ problem: String) throws(RedisError) {
            if !condition { throw .invalidConfiguration(problem) }
        }
        try require(!endpoint.host.isEmpty && !endpoint.host.utf8.contains(0), "the endpoint has no usable host.")
        try require((1...65535).contains(endpoint.port), "the port must be from 1 to 65535.")
        try require(connectTimeout > .zero, "connectTimeout must be positive.")
        try require(syncTimeout > .zero, "syncTimeout must be positive.")
        try require(defaultDatabase >= 0, "defaultDatabase must not be negative.")
        try require(maximumReplySize > 0, "maximumReplySize must be positive.")
        try require(
            clientName.utf8.allSatisfy { (0x21...0x7e).contains($0) },
            "clientName must be printable ASCII without blanks, as CLIENT SETNAME wants it."
        )
        return endpoint
    }
}
