/// The keys that match a pattern, in batches, read with `SCAN`: the server is never stopped for long as `KEYS` would.
///
/// ```swift
/// for try await keys in client.scan(matching: "honua:process:*") { … }
/// ```
///
/// ## Guarantees
/// - A key that exists from the beginning to the end is delivered at least once. On a cluster this holds unless its
///   slot moves to another node meanwhile.
/// - A key may come more than once; keys that come or go during the scan may or may not be delivered.
/// - Every master of a cluster is scanned. If a server is restarted or replaced during the scan, its cursor means
///   nothing any more, and it is scanned again from the beginning.
///
/// A batch may be empty, and keys that are not UTF-8 are left out: nothing here writes such keys. Each batch is one
/// command with a `syncTimeout` of its own. Errors and cancellation are those of ``RedisClient/send(_:)``; the sequence
/// ends with the first.
public struct RedisScan: AsyncSequence, Sendable {
    /// Some keys.
    public typealias Element = [String]
    /// What ends the sequence early.
    public typealias Failure = RedisError

    let client: RedisClient
    let pattern: String
    let count: Int

    /// Starts a scan of its own.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(scan: self) }

    /// One pass over all keys.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private enum Progress {
            /// Moves to `scanning`, or to `finished`.
            case idle
            /// Moves through the servers, to `finished` after the last.
            case scanning(cursor: [UInt8], runID: String?)
            case finished
        }

        private let scan: RedisScan
        private var servers: [RedisEndpoint]?
        private var progress = Progress.idle

        init(scan: RedisScan) { self.scan = scan }

        /// The next batch, or `nil` after the last.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(RedisError) -> [String]? {
            do throws(RedisError) {
                return try await advance()
            } catch {
                progress = .finished
                throw error
            }
        }

        private mutating func advance() async throws(RedisError) -> [String]? {
            let start = [UInt8(ascii: "0")]
            if case .finished = progress { return nil }
            if servers == nil { servers = try await scan.client.masters() }
            guard let server = servers?.first else {
                progress = .finished
                return nil
            }
            let cursor: [UInt8]
            let runID: String?
            if case .scanning(let next, let id) = progress {
                (cursor, runID) = (next, id)
            } else {
                (cursor, runID) = (start, try await scan.client.runID(of: server))
            }
            let reply = try await scan.client.send(
                ["SCAN", RedisArgument(cursor), "MATCH", RedisArgument(scan.pattern)]
                    + ["COUNT", RedisArgument(scan.count)],
                to: server
            )
            guard let parts = reply.array, parts.count == 2, let next = parts[0].bytes, let keys = parts[1].array else {
                throw .server(RedisReplyError("ERR the reply to SCAN is not a cursor and keys"))
            }
            progress = .scanning(cursor: next, runID: runID)
            if next == start {
                // Cursors depend on a seed that each run of a server draws anew.
                if try await scan.client.runID(of: server) == runID { servers?.removeFirst() }
                progress = .idle
            }
            return keys.compactMap(\.text)
        }
    }
}

extension RedisClient {
    /// The keys that match a pattern, in batches, from every master of a cluster. Never blocks the server for long.
    ///
    /// - Parameters:
    ///   - pattern: As for `SCAN … MATCH`: `*`, `?`, `[abc]`; a backslash takes away their meaning.
    ///   - count: How many keys the server looks at per command, at least 1. Batches are about as long if everything
    ///     matches.
    /// - Returns: A sequence that starts anew with each iteration; see ``RedisScan`` for what it promises.
    public func scan(matching pattern: String, count: Int = 500) -> RedisScan {
        RedisScan(client: self, pattern: pattern, count: max(1, count))
    }

    /// The name of this run of a server; `nil` if the user may not ask for it.
    fileprivate func runID(of server: RedisEndpoint) async throws(RedisError) -> String? {
        do throws(RedisError) {
            let text = try await send(["INFO", "server"], to: server).text ?? ""
            return text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("run_id:") }.map(String.init)
        } catch {
            guard case .server = error else { throw error }
            return nil
        }
    }
}
