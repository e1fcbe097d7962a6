import DequeModule

/// The commands of one connection, in order: waiting, then sent and waiting for their replies. No I/O of its own.
///
/// ## Guarantees
/// - Replies go to commands in the order they were sent.
/// - A command is handed to a connection at most once, unless none of its bytes left this process.
/// - Every command is decided: by its reply, its deadline, the end of its connection, or the end of the client.
///
/// ## Late replies
/// A command whose caller has gone (deadline, cancellation) keeps its place among those sent, and its reply is dropped
/// when it comes. Closing the connection instead would fail everybody else's commands for one slow reply, and hit a
/// slow server with reconnects on top. The connection's thread does close it when the server says nothing at all for
/// long.
struct CommandPipeline {
    private struct Sent {
        let command: PendingCommand
        /// Where its bytes lie in the stream.
        let start: Int
        let end: Int
    }

    /// Commands stay in `waiting`, where a deadline still takes them out unsent, while this much output is unwritten.
    static let highWaterMark = 256 << 10

    private var waiting: Deque<PendingCommand> = []
    private var sent: Deque<Sent> = []
    /// How many at the front of `sent` have passed their deadlines.
    private var overdue = 0
    private(set) var output = OutputBuffer()

    var hasWaiting: Bool { !waiting.isEmpty }
    var awaitsReplies: Bool { !sent.isEmpty }

    /// The next moment ``expire(at:whileDown:endpoint:)`` has something to do.
    ///
    /// All commands are given the same time, so that the first in line is the first to expire.
    var nextDeadline: ContinuousClock.Instant? {
        let firstSent = overdue < sent.count ? sent[overdue].command.deadline : nil
        guard let firstWaiting = waiting.first?.deadline else { return firstSent }
        return firstSent.map { min($0, firstWaiting) } ?? firstWaiting
    }

    mutating func enqueue(_ commands: some Collection<PendingCommand>) {
        waiting.append(contentsOf: commands)
    }

    /// A `PING` nobody waits for.
    mutating func enqueuePing(deadline: ContinuousClock.Instant) {
        guard let bytes = try? CommandBytes(["PING"]) else { return }
        waiting.append(PendingCommand(bytes, deadline: deadline))
    }

    /// Moves commands to the output, as many as make sense at a time. Those nobody waits for any more are dropped.
    mutating func fillOutput() {
        while output.count < Self.highWaterMark, let command = waiting.popFirst() {
            if command.reply.isDecided { continue }
            let start = output.appended
            output.append(command.bytes)
            sent.append(Sent(command: command, start: start, end: output.appended))
        }
    }

    /// Writes output.
    mutating func flush(to transport: Transport) throws(TransferFailure) {
        try output.flush(to: transport)
    }

    /// Gives a reply to the command it belongs to. False if there is none.
    mutating func accept(_ value: RedisValue) -> Bool {
        guard let sent = sent.popFirst() else { return false }
        if overdue > 0 { overdue -= 1 }
        if case .error(let error) = value {
            sent.command.reply.decide(.failure(.server(error)))
        } else {
            sent.command.reply.decide(.success(value))
        }
        return true
    }

    /// Fails commands that have run out of time.
    ///
    /// - Parameter whileDown: Why there is no usable connection, if there is none.
    mutating func expire(
        at now: ContinuousClock.Instant,
        whileDown failure: RedisConnectionFailure?,
        endpoint: RedisEndpoint
    ) {
        while let command = waiting.first, command.deadline <= now {
            waiting.removeFirst()
            if let failure {
                command.reply.decide(.failure(.connectionFailed(failure)))
            } else {
                let detail = "\(command.name) waited to be sent to \(endpoint), which takes commands too slowly."
                command.reply.decide(.failure(.timedOut(mayHaveBeenExecuted: false, detail: detail)))
            }
        }
        while overdue < sent.count, sent[overdue].command.deadline <= now {
            let command = sent[overdue].command
            overdue += 1
            if command.reply.isDecided { continue }
            let detail = "\(command.name) got no reply from \(endpoint) in time; \(sent.count) sent commands wait."
            command.reply.decide(.failure(.timedOut(mayHaveBeenExecuted: true, detail: detail)))
        }
    }

    /// The connection is gone. What may have reached the server fails; what cannot have waits for the next connection.
    mutating func connectionEnded(_ failure: RedisConnectionFailure) {
        let exposed = output.exposed
        output = OutputBuffer()
        overdue = 0
        while let last = sent.last, last.start >= exposed {
            sent.removeLast()
            waiting.prepend(last.command)
        }
        while let lost = sent.popFirst() {
            // Redis executes a command once it has all of its bytes.
            let mayHaveBeenExecuted = lost.end <= exposed
            lost.command.reply.decide(
                .failure(.connectionLost(mayHaveBeenExecuted: mayHaveBeenExecuted, failure))
            )
        }
    }

    /// The client is being shut down: everything fails.
    mutating func close() {
        let exposed = output.exposed
        for lost in sent {
            lost.command.reply.decide(.failure(.clientClosed(mayHaveBeenExecuted: lost.end <= exposed)))
        }
        for command in waiting { command.reply.decide(.failure(.clientClosed(mayHaveBeenExecuted: false))) }
        sent.removeAll()
        waiting.removeAll()
        overdue = 0
    }
}
