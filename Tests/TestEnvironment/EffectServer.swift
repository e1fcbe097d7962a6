import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// A real HTTP server that counts what is done to it: the world in which steps have effects.
///
/// Every request to `/effects/<name>` is recorded with its `Idempotency-Key`. What is answered can be set by name.
public final class EffectServer: Sendable {
    /// One request.
    public struct Effect: Sendable, Hashable {
        /// The last part of the path.
        public let name: String
        /// The `Idempotency-Key`.
        public let key: String
        /// The body as text.
        public let body: String
    }

    private struct State {
        var effects: [Effect] = []
        var statuses: [String: [HTTPResponse.Status]] = [:]
        var held: Set<String> = []
        var waiters: [AsyncStream<Void>.Continuation] = []
        var watchers: [AsyncStream<Void>.Continuation] = []
    }

    private let state = Mutex(State())
    private let boundPort = Mutex<Int?>(nil)

    private init() {}

    /// Starts a server, hands it to the body, and stops it.
    public static func with<Value: Sendable>(
        _ body: @escaping @Sendable (EffectServer) async throws -> Value
    ) async throws -> Value {
        let server = EffectServer()
        let (bound, didBind) = AsyncStream<Void>.makeStream()
        var logger = Logger(label: "effects")
        logger.logLevel = .critical
        let router = Router()
        router.on("/effects/{name}", method: .post) { try await server.answer($0, $1) }
        router.on("/effects/{name}", method: .get) { try await server.answer($0, $1) }
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                server.boundPort.withLock { $0 = channel.localAddress?.port }
                didBind.finish()
            },
            logger: logger
        )
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            defer {
                server.releaseAll()
                group.cancelAll()
            }
            group.addTask {
                try await application.run()
                return nil
            }
            for await _ in bound {}
            return try await body(server)
        }
    }

    /// Where steps send their requests for an effect.
    public func url(_ name: String) -> String {
        "http://127.0.0.1:\(boundPort.withLock { $0 ?? 0 })/effects/\(name)"
    }

    /// Every request so far, in order.
    public var effects: [Effect] { state.withLock { $0.effects } }

    /// The keys of the requests for one effect, in order.
    public func keys(of name: String) -> [String] { effects.filter { $0.name == name }.map(\.key) }

    /// The next requests for an effect get these answers, then 200 again.
    public func answer(_ name: String, with statuses: [Int]) {
        state.withLock { $0.statuses[name] = statuses.map { HTTPResponse.Status(code: $0) } }
    }

    /// Requests for an effect are recorded and get no answer until `release`.
    public func hold(_ name: String) { state.withLock { _ = $0.held.insert(name) } }

    /// Answers what is held.
    public func release(_ name: String) {
        let waiters = state.withLock { state in
            state.held.remove(name)
            return state.waiters
        }
        for waiter in waiters { waiter.yield() }
    }

    private func releaseAll() {
        let waiters = state.withLock { state in
            state.held = []
            return state.waiters
        }
        for waiter in waiters { waiter.yield() }
    }

    /// Returns when so many requests for an effect have come.
    public func received(_ name: String, count: Int = 1) async {
        let (changes, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { $0.watchers.append(continuation) }
        continuation.yield()
        for await _ in changes where keys(of: name).count >= count { return }
    }

    private func answer(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let name = context.parameters.get("name") ?? ""
        let body = try await request.body.collect(upTo: 1 << 20)
        let key = request.headers.first { $0.name.canonicalName == "idempotency-key" }?.value ?? ""
        let effect = Effect(name: name, key: key, body: String(buffer: body))
        let (status, watchers) = state.withLock { state -> (HTTPResponse.Status, [AsyncStream<Void>.Continuation]) in
            state.effects.append(effect)
            var planned = state.statuses[name] ?? []
            let status = planned.isEmpty ? .ok : planned.removeFirst()
            state.statuses[name] = planned
            return (status, state.watchers)
        }
        for watcher in watchers { watcher.yield() }
        await waitWhileHeld(name)
        let answer = ByteBuffer(string: #"{"effect":"\#(name)"}"#)
        return Response(
            status: status,
            headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: answer)
        )
    }

    private func waitWhileHeld(_ name: String) async {
        let (changes, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { $0.waiters.append(continuation) }
        continuation.yield()
        for await _ in changes {
            if state.withLock({ !$0.held.contains(name) }) { return }
        }
    }
}
