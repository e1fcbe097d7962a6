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
    /// Replies to the first of `sent`, while it is owed more of them.
    private var partial: [RedisValue] = []
    /// No deadline of a command here is earlier. It may be that of a command answered since.
    private var earliestDeadline: ContinuousClock.Instant?
    private var settledWeight = 0
    private(set) var output = OutputBuffer()

    var hasWaiting: Bool { !waiting.isEmpty }
    var awaitsReplies: Bool { !sent.isEmpty }

    /// The next moment ``expire(at:whileDown:endpoint:)`` may have something to do.
    var nextDeadline: ContinuousClock.Instant? { waiting.isEmpty && sent.isEmpty ? nil : earliestDeadline }

    /// The weight of the commands that have left since this was last asked.
    mutating func takeSettledWeight() -> Int {
        defer { settledWeight = 0 }
        return settledWeight
    }

    mutating func enqueue(_ commands: some Collection<PendingCommand>) {
        for command in commands { expect(command.deadline) }
        waiting.append(contentsOf: commands)
    }

    private mutating func expect(_ deadline: ContinuousClock.Instant) {
        earliestDeadline = nextDeadline.map { min($0, deadline) } ?? deadline
    }

    /// A `PING` nobody waits for.
    mutating func enqueuePing(deadline: ContinuousClock.Instant) {
        guard let bytes = try? CommandBytes(["PING"]) else { return }
        expect(deadline)
        waiting.append(PendingCommand(bytes, weight: 0, deadline: deadline))
    }

    /// Moves commands to the output, as many as make sense at a time. Those nobody waits for any more are dropped.
    mutating func fillOutput() {
        while output.count < Self.highWaterMark, let command = waiting.popFirst() {
            if command.reply.isDecided {
                settledWeight += command.weight
                continue
            }
            let start = output.appended
            if let prefix = command.prefix { output.append(prefix) }
            output.append(command.bytes)
            if let suffix = command.suffix { output.append(suffix) }
            sent.append(Sent(command: command, start: start, end: output.appended))
        }
    }

    /// Writes output.
    mutating func flush(to transport: Transport) throws(TransferFailure) {
        try output.flush(to: transport)
    }

    /// Gives a reply to the command it belongs to. False if there is none.
    mutating func accept(_ value: RedisValue) -> Bool {
        guard let command = sent.first?.command else { return false }
        if command.replyCount > 1 {
            partial.append(value)
            if partial.count < command.replyCount { return true }
            command.decide(partial)
            partial = []
        } else if case .error(let error) = value {
            command.reply.decide(.failure(.server(error)))
        } else {
            command.reply.decide(.success(value))
        }
        sent.removeFirst()
        settledWeight += command.weight
        return true
    }

    /// Fails commands that have run out of time.
    ///
    /// Looks at all of them, but only when the earliest deadline has come.
    ///
    /// - Parameter whileDown: Why there is no usable connection, if there is none.
    mutating func expire(
        at now: ContinuousClock.Instant,
        whileDown failure: RedisConnectionFailure?,
        endpoint: RedisEndpoint
    ) {
        guard let deadline = nextDeadline, deadline <= now else { return }
        earliestDeadline = nil
        var kept: Deque<PendingCommand> = []
        for command in waiting {
            guard command.deadline <= now else {
                kept.append(command)
                earliestDeadline = earliestDeadline.map { min($0, command.deadline) } ?? command.deadline
                continue
            }
            settledWeight += command.weight
            if let failure {
                command.reply.decide(.failure(.connectionFailed(failure)))
            } else {
                let detail = "\(command.name) waited to be sent to \(endpoint), which takes commands too slowly."
                command.reply.decide(.failure(.timedOut(mayHaveBeenExecuted: false, detail: detail)))
            }
        }
        waiting = kept
        for command in sent.lazy.map(\.command) where !command.reply.isDecided {
            guard command.deadline <= now else {
                earliestDeadline = earliestDeadline.map { min($0, command.deadline) } ?? command.deadline
                continue
            }
            let detail = "\(command.name) got no reply from \(endpoint) in time; \(sent.count) sent commands wait."
            command.reply.decide(.failure(.timedOut(mayHaveBeenExecuted: true, detail: detail)))
        }
    }

    /// Takes out what has not been sent, for another connection.
    mutating func takeWaiting() -> [PendingCommand] {
        defer { waiting = [] }
        settledWeight += waiting.reduce(0) { $0 + $1.weight }
        return Array(waiting)
    }

    /// The connection is gone. What may have reached the server fails; what cannot have waits for the next connection.
    mutating func connectionEnded(_ failure: RedisConnectionFailure) {
        let exposed = output.exposed
        output = OutputBuffer()
        partial = []
        while let last = sent.last, last.start >= exposed {
            sent.removeLast()
            waiting.prepend(last.command)
        }
        while let lost = sent.popFirst() {
            // Redis executes a command once it has all of its bytes.
            let mayHaveBeenExecuted = lost.end <= exposed
            settledWeight += lost.command.weight
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
        partial = []
    }
}
