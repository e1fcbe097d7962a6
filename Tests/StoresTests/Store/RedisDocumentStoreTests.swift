import RedisClient
import Stores
import TestEnvironment
import Testing

@testable import Workflows

/// What Redis holds of the documents. What the store does is in `DocumentStoreContractTests`.
@Suite(.timeLimit(.minutes(4))) struct RedisDocumentStoreTests {
    private let key = DocumentKey.state(processID: "p")
    private let hour = Duration.seconds(3600)

    @Test func `documents live on when they are renewed, each under its prefix`() async throws {
        try await RedisDriver.with { redis in
            let document = StoredDocument([1])
            let part = DocumentKey.part(processID: "p", digest: "d")
            for key in [key, part] {
                _ = try await redis.store.create(key, document, timeToLive: .seconds(60))
            }
            try await redis.store.renew([part, .lock(name: "none")], timeToLive: hour)
            #expect(try await redis.timeToLive("honua:process:p") <= 60_000)
            #expect(try await redis.timeToLive("honua:process-part:p:d") > 3_000_000)
            #expect(try await redis.keys() == ["honua:process-part:p:d", "honua:process:p"])
        }
    }

    @Test func `the script's digest is the digest of this side`() async throws {
        try await RedisDriver.with { redis in
            let script = RedisScript("return redis.sha1hex(ARGV[1])")
            let bytes = [UInt8](0...255)
            let reply = try await redis.client.evaluate(script, keys: ["k"], arguments: [RedisArgument(bytes)])
            #expect(reply.text == Digest.sha1(bytes))
        }
    }
}
