import JSON
import ScriptedServers
import Synchronization

/// The state of a server, shared by its connections and its test.
final class ServerCore: Sendable {
    private let state: Mutex<ServerState>

    init(_ state: ServerState) { self.state = Mutex(state) }

    /// Every change goes through here, so that those who wait for one see it.
    func withState<Result: Sendable>(_ body: (inout ServerState) throws -> Result) rethrows -> Result {
        try state.withLock { state in
            defer { state.releaseWaiters() }
            return try body(&state)
        }
    }

    /// Returns when the condition holds, or when the task is cancelled.
    func wait(until isSatisfied: @escaping @Sendable (borrowing ServerState) -> Bool) async {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        withState { $0.waiters.append(.init(isSatisfied: isSatisfied, continuation: continuation)) }
        for await _ in stream {}
    }

    /// Lets the threads of connections go on to their ends.
    func stop() {
        let (watches, holds) = withState { state in
            state.isStopped = true
            return (state.watches, state.holds)
        }
        for watch in watches { watch.mailbox.close() }
        for hold in holds { hold.releaseAll() }
    }

    /// Serves a connection until its client closes it or a fault ends it.
    func serve(_ connection: ServerConnection) throws {
        while true {
            let received = try connection.readRequest()
            let (request, fault, isStopped) = withState { state -> (APIRequest, Fault?, Bool) in
                let number = state.requests.count
                let request = APIRequest(received, number: number, connection: connection, kinds: state.kinds)
                state.requests.append(request)
                return (request, state.fault(for: request), state.isStopped)
            }
            guard !isStopped else { return }
            try answer(request, fault, connection)
            if case .lastOfConnection = fault { return }
        }
    }

    private func answer(_ request: APIRequest, _ fault: Fault?, _ connection: ServerConnection) throws {
        var cut: (Int, Fault.Ending)?
        var events: (lines: [JSONValue], ends: Bool)?
        switch fault {
        case .answer(let answer):
            return try ResponseWriter(connection, cut: nil, isLast: false).send(answer)
        case .swallow: return connection.awaitClose()
        case .hold(let hold):
            try hold.wait(connection)
        case .cut(let count, let ending): cut = (count, ending)
        case .events(let lines, let ends): events = (lines, ends)
        case .endless:
            let writer = ResponseWriter(connection, cut: nil, isLast: true)
            try writer.begin()
            var piece = Array(#"{"items":[""#.utf8)
            while try writer.sendPiece(piece) { piece = Array(repeating: UInt8(ascii: "x"), count: 65536) }
        case .lastOfConnection, nil: break
        }
        var isLast = false
        if case .lastOfConnection = fault { isLast = true }
        let writer = ResponseWriter(connection, cut: cut, isLast: isLast)
        guard let target = request.target else { return try writer.send(.notFound) }
        do {
            if request.isWatch {
                try WatchAnswer(core: self, request: request, target: target).send(
                    to: writer,
                    on: connection.socket,
                    first: events?.lines ?? [],
                    endsThen: events?.ends ?? false
                )
            } else {
                let document = try withState { state in
                    if request.isList { return try ListAnswer(request, target).document(&state) }
                    return try ObjectAnswer(request, target).document(&state)
                }
                let body = document.serialized()
                let status = request.method == "POST" ? 201 : 200
                let acceptsGzip = request.field("accept-encoding")?.contains("gzip") == true
                if acceptsGzip, withState({ $0.compresses }) {
                    try writer.send(status, Gzip.wrapped(body), [("Content-Encoding", "gzip")])
                } else {
                    try writer.send(status, body)
                }
            }
        } catch let refusal as Refusal {
            try writer.send(refusal.answer)
        }
    }
}

/// Why a request is not answered as asked.
struct Refusal: Error {
    let answer: StatusAnswer

    init(_ answer: StatusAnswer) { self.answer = answer }
}

extension ResponseWriter {
    func send(_ answer: StatusAnswer) throws {
        try send(answer.status, answer.document.serialized(), answer.fields)
    }
}
