extension RedisConfiguration {
    /// Throws for values no client can work with.
    func validate() throws(RedisError) {
        func require(_ condition: Bool, _ problem: String) throws(RedisError) {
            if !condition { throw .invalidConfiguration(problem) }
        }
        try require(!endpoints.isEmpty, "no endpoint is configured.")
        for endpoint in endpoints {
            try require(!endpoint.host.isEmpty && !endpoint.host.utf8.contains(0), "an endpoint has no usable host.")
            try require((1...65535).contains(endpoint.port), "a port must be from 1 to 65535.")
        }
        try require(connectTimeout > .zero, "connectTimeout must be positive.")
        try require(syncTimeout > .zero, "syncTimeout must be positive.")
        try require(defaultDatabase >= 0, "defaultDatabase must not be negative.")
        try require(
            defaultDatabase == 0 || serviceName != nil || endpoints.count == 1,
            "defaultDatabase=\(defaultDatabase) is not possible with Redis Cluster, which several endpoints mean: it has "
                + "only database 0."
        )
        try require(serviceName != "", "serviceName must not be empty.")
        try require(maximumReplySize > 0, "maximumReplySize must be positive.")
        try require(minimumConnections >= 1, "minimumConnections must be at least 1.")
        try require(
            maximumConnections >= minimumConnections,
            "maximumConnections must not be less than minimumConnections."
        )
        try require(pipelineDepth >= 1, "pipelineDepth must be at least 1.")
        try require(
            clientName.utf8.allSatisfy { (0x21...0x7e).contains($0) },
            "clientName must be printable ASCII without blanks, as CLIENT SETNAME wants it."
        )
    }

    /// How to speak to a server that others have told about.
    ///
    /// Managed clusters tell of their nodes by address, with certificates for the one name that is configured. That name
    /// is what counts then, as for StackExchange.Redis, unless `sslHost` says otherwise.
    func forNode(_ node: RedisEndpoint) -> RedisConfiguration {
        guard tls != nil, tls?.serverName == nil, !endpoints.contains(node), Self.isAddress(node.host) else {
            return self
        }
        let names = Set(endpoints.map(\.host))
        guard names.count == 1, let name = names.first, !Self.isAddress(name) else { return self }
        var configuration = self
        configuration.tls?.serverName = name
        return configuration
    }

    /// An IPv6 address has a colon; what ends in a number is an IPv4 address or no name (RFC 3696, section 2).
    private static func isAddress(_ host: String) -> Bool {
        host.contains(":")
            || host.last.map { $0.isASCII && $0.isNumber } == true
                && host.allSatisfy { $0 == "." || $0.isASCII && $0.isNumber }
    }

    /// How to speak to the Sentinels themselves.
    var forSentinels: RedisConfiguration {
        var configuration = self
        configuration.user = sentinelUser
        configuration.password = sentinelPassword
        configuration.defaultDatabase = 0
        configuration.minimumConnections = 1
        configuration.passwordOption = "sentinelPassword"
        return configuration
    }
}
