extension RedisClient {
    /// Runs a script by its digest, and by its text if the server does not know it yet.
    ///
    /// `NOSCRIPT` means that nothing was executed, so that sending the text then is no repetition. The text goes once to
    /// each server; later calls find the script until the server restarts or its scripts are flushed.
    ///
    /// - Parameters:
    ///   - keys: What the script sees as `KEYS`. All keys it touches, and on Redis Cluster of one hash slot.
    ///   - arguments: What the script sees as `ARGV`.
    public func evaluate(
        _ script: RedisScript,
        keys: [RedisArgument],
        arguments: [RedisArgument] = []
    ) async throws(RedisError) -> RedisValue {
        try await evaluate(script, keys, arguments) { command throws(RedisError) in try await send(command) }
    }

    /// The same, and waits for replicas; see ``send(_:waitingFor:timeout:)``.
    public func evaluate(
        _ script: RedisScript,
        keys: [RedisArgument],
        arguments: [RedisArgument] = [],
        waitingFor replicas: Int,
        timeout: Duration
    ) async throws(RedisError) -> ReplicatedReply {
        try await evaluate(script, keys, arguments) { command throws(RedisError) in
            try await send(command, waitingFor: replicas, timeout: timeout)
        }
    }

    private func evaluate<Reply>(
        _ script: RedisScript,
        _ keys: [RedisArgument],
        _ arguments: [RedisArgument],
        _ send: ([RedisArgument]) async throws(RedisError) -> Reply
    ) async throws(RedisError) -> Reply {
        let rest = [RedisArgument(keys.count)] + keys + arguments
        if let sha1 = script.sha1 {
            do throws(RedisError) {
                return try await send(["EVALSHA", RedisArgument(sha1)] + rest)
            } catch {
                guard case .server(let reply) = error, reply.code == "NOSCRIPT" else { throw error }
            }
        }
        return try await send(["EVAL", RedisArgument(script.source)] + rest)
    }
}
