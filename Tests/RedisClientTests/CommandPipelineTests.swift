import Glibc
import TestEnvironment
import Testing

@testable import RedisClient

@Suite struct CommandPipelineTests {
    private static let endpoint = RedisEndpoint(host: "127.0.0.1")
    private static let failure = RedisConnectionFailure(.network, endpoint, "gone")

    private func commands(
        _ count: Int,
        deadline: ContinuousClock.Instant = .now + .seconds(60),
        size: Int = 1
    ) throws -> [PendingCommand] {
        try (0..<count).map { number in
            let payload = RedisArgument([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: size))
            return PendingCommand(try CommandBytes(["ECHO", payload]), deadline: deadline)
        }
    }

    private func outcome(_ command: PendingCommand) async -> Result<RedisValue, RedisError>? {
        guard command.reply.isDecided else { return nil }
        return await command.reply.outcome {}
    }

    /// Replies 0, 1, …
    private func accept(_ count: Int, into pipeline: inout CommandPipeline) throws {
        for number in 0..<count {
            let isTaken = pipeline.accept(.integer(Int64(number)))
            try #require(isTaken)
        }
    }

    @Test func `replies go to commands in order, and none is left over`() async throws {
        let commands = try commands(3)
        var pipeline = CommandPipeline()
        pipeline.enqueue(commands)
        pipeline.fillOutput()
        #expect(pipeline.output.count == commands.reduce(0) { $0 + $1.bytes.count })
        try accept(3, into: &pipeline)
        for number in 0..<3 { #expect(await outcome(commands[number]) == .success(.integer(Int64(number)))) }
        let isTaken = pipeline.accept(.status("OK"))
        #expect(!isTaken)
    }

    @Test func `commands nobody waits for any more are not sent`() throws {
        let commands = try commands(2)
        commands[0].reply.decide(.failure(.cancelled))
        var pipeline = CommandPipeline()
        pipeline.enqueue(commands)
        pipeline.fillOutput()
        #expect(pipeline.output.count == commands[1].bytes.count)
    }

    @Test func `time runs out for the sent and the waiting, and the late reply is dropped`() async throws {
        let start = ContinuousClock.now
        let early = try commands(2, deadline: start + .seconds(1))
        let late = try commands(1, deadline: start + .seconds(2))
        var pipeline = CommandPipeline()
        pipeline.enqueue([early[0]])
        pipeline.fillOutput()
        pipeline.enqueue([early[1], late[0]])
        #expect(pipeline.nextDeadline == start + .seconds(1))
        pipeline.expire(at: start + .seconds(1), whileDown: nil, endpoint: Self.endpoint)
        guard case .failure(.timedOut(mayHaveBeenExecuted: true, _)) = await outcome(early[0]),
            case .failure(.timedOut(mayHaveBeenExecuted: false, _)) = await outcome(early[1])
        else {
            Issue.record("wrong outcomes")
            return
        }
        #expect(pipeline.nextDeadline == start + .seconds(2))
        pipeline.fillOutput()
        try accept(2, into: &pipeline)
        #expect(await outcome(late[0]) == .success(.integer(1)))
    }

    @Test func `without a connection, running out of time is a failed connection`() async throws {
        let commands = try commands(1)
        var pipeline = CommandPipeline()
        pipeline.enqueue(commands)
        pipeline.expire(at: .now + .seconds(3600), whileDown: Self.failure, endpoint: Self.endpoint)
        #expect(await outcome(commands[0]) == .failure(.connectionFailed(Self.failure)))
    }

    @Test func `when a full connection breaks, what was written is lost and the rest waits in its order`() async throws
    {
        let listener = try SilentListener()
        let socket = try listener.connect()
        var pipeline = CommandPipeline()
        // More than the kernel takes for a peer that does not read.
        let commands = try commands(2000, size: 16_000)
        pipeline.enqueue(commands)
        var accepted = -1
        while pipeline.output.accepted > accepted {
            accepted = pipeline.output.accepted
            pipeline.fillOutput()
            try pipeline.flush(to: .plain(socket))
        }
        #expect(!pipeline.output.isEmpty)
        pipeline.connectionEnded(Self.failure)
        let lost = commands.filter { $0.reply.isDecided }.count
        let written = accepted / commands[0].bytes.count
        let isOnePartlyWritten = !accepted.isMultiple(of: commands[0].bytes.count)
        #expect(lost == written + (isOnePartlyWritten ? 1 : 0))
        for (number, command) in commands.prefix(lost).enumerated() {
            let wasWritten = number < written
            let expected = RedisError.connectionLost(mayHaveBeenExecuted: wasWritten, Self.failure)
            #expect(await outcome(command) == .failure(expected))
        }
        // The others go out on the next connection, first things first.
        pipeline.fillOutput()
        try accept(10, into: &pipeline)
        for (number, command) in commands.dropFirst(lost).prefix(10).enumerated() {
            #expect(await outcome(command) == .success(.integer(Int64(number))))
        }
    }

    @Test func `closing fails everything`() async throws {
        let commands = try commands(2)
        var pipeline = CommandPipeline()
        pipeline.enqueue(commands)
        pipeline.fillOutput()
        pipeline.close()
        for command in commands {
            #expect(await outcome(command) == .failure(.clientClosed(mayHaveBeenExecuted: false)))
        }
    }
}

/// Lets clients connect and never reads.
private final class SilentListener {
    private let descriptor: Int32
    private let address: SocketAddress

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        // Bound to a free port of 127.0.0.1 by listening without an address.
        try #require(listen(descriptor, 1) == 0)
        var name = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &name) { [descriptor] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        try #require(result == 0)
        name.sin_addr.s_addr = inet_addr("127.0.0.1")
        address = withUnsafeBytes(of: name) { SocketAddress(family: AF_INET, bytes: $0) }
    }

    deinit {
        close(descriptor)
    }

    func connect() throws -> RedisSocket {
        let socket = try RedisSocket(connectingTo: address)
        var descriptor = pollfd(fd: socket.fileDescriptor, events: Int16(POLLOUT), revents: 0)
        try #require(poll(&descriptor, 1, 10_000) == 1)
        try socket.finishConnecting()
        return socket
    }
}
