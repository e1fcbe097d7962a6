internal import JSON

extension ResourceClient {
    /// How often `modify` reads and writes at most, and how long it waits first: 5 times, 10 ms, jitter 0.1 (client-go
    /// `util/retry`, `DefaultRetry`).
    private static var attempts: Int { 5 }

    /// Reads an object, changes it, and writes it back; again from the start when somebody else has written in between.
    ///
    /// An object that `change` leaves as it was is not written. What the object's type does not hold is lost: for types that
    /// describe part of an object, patch instead.
    /// - Throws: the last `conflict` after five attempts, and whatever `change` throws.
    public func modify(
        _ name: String,
        subresource: Subresource? = nil,
        _ options: WriteOptions = WriteOptions(),
        _ change: (inout Object) throws -> Void
    ) async throws -> Object {
        var attempt = 1
        while true {
            let current = try await get(name)
            var changed = current
            try change(&changed)
            guard changed.json() != current.json() else { return current }
            do {
                return try await replace(changed, subresource: subresource, options)
            } catch let error as KubeError where error.code == .conflict && attempt < Self.attempts {
                attempt += 1
                try await client.core.pause(.milliseconds(10) * Double.random(in: 1...1.1))
            }
        }
    }
}
