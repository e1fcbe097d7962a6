extension RedisClient {
    /// `GET`: the value, or `nil` if there is no such key.
    public func get(_ key: String) async throws(RedisError) -> [UInt8]? {
        try await send(["GET", RedisArgument(key)]).bytes
    }

    /// `SET`: the value and its time to live in one command, so that no value is ever left without one by accident.
    ///
    /// - Parameter lifetime: At least a millisecond; `nil` to keep the value for good.
    public func set(_ key: String, _ value: [UInt8], expiresIn lifetime: Duration?) async throws(RedisError) {
        var command: [RedisArgument] = ["SET", RedisArgument(key), RedisArgument(value)]
        if let lifetime {
            let milliseconds = lifetime.wholeMilliseconds
            guard milliseconds > 0 else {
                throw .refused(command: "SET", reason: "the time to live must be at least one millisecond.")
            }
            command +=
                milliseconds.isMultiple(of: 1000)
                ? ["EX", RedisArgument(milliseconds / 1000)] : ["PX", RedisArgument(milliseconds)]
        }
        _ = try await send(command)
    }

    /// `DEL`: true if the key was there. One key only, because several may lie on different servers of a cluster.
    @discardableResult
    public func del(_ key: String) async throws(RedisError) -> Bool {
        try await send(["DEL", RedisArgument(key)]).integer == 1
    }

    /// `PING`: how long the answer took, including the wait for a connection.
    @discardableResult
    public func ping() async throws(RedisError) -> Duration {
        let start = ContinuousClock.now
        _ = try await send(["PING"])
        return start.duration(to: .now)
    }
}
