internal import RedisClient
internal import Workflows

/// A state document in Redis, read with the parts it refers to.
struct StateDocument {
    /// Tells one state of a process from another: owners count up the epoch, commits the version.
    struct Age: Comparable {
        let epoch: Int
        let version: Int

        static func < (one: Age, other: Age) -> Bool { (one.epoch, one.version) < (other.epoch, other.version) }
    }

    let age: Age
    /// The digests of its parts, each once.
    let parts: [String]

    /// - Throws: `InvalidState` for a document that cannot be used.
    static func read(
        _ bytes: [UInt8],
        processID: String,
        from client: RedisClient,
        _ keyspace: RedisKeyspace
    ) async throws -> StateDocument {
        let reader = StateReader(processID: processID) { reference in
            try await client.string(at: keyspace.name(of: .part(processID: processID, digest: reference.digest)))
        }
        let state = try await reader.read(StoredDocument(bytes))
        var seen: Set<String> = []
        return StateDocument(
            age: Age(epoch: state.epoch, version: state.version),
            parts: state.parts.map(\.digest).filter { seen.insert($0).inserted }
        )
    }

    /// How old a document is, without its parts; nil when it cannot be used.
    static func age(of bytes: [UInt8], processID: String) -> Age? {
        guard let state = try? StateReader.shell(StoredDocument(bytes), of: processID) else { return nil }
        return Age(epoch: state.epoch, version: state.version)
    }
}

extension RedisClient {
    /// The value of a string; nil when there is none, or something else.
    fileprivate func string(at key: String) async throws -> [UInt8]? {
        do throws(RedisError) {
            return try await get(key)
        } catch {
            guard case .server(let reply) = error, reply.code == "WRONGTYPE" else { throw error }
            return nil
        }
    }
}
