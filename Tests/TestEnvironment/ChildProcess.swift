import Dispatch
public import Foundation
import Synchronization

/// A program that a test has started, and what it prints.
public final class ChildProcess: Sendable {
    /// A program that did not do what a test relies on.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String

        public init(description: String) { self.description = description }
    }

    private struct State {
        var lines: [String] = []
        var isOutputEnded = false
        var status: Int32?
        var input: Int32?
        var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextWatcher = 0
    }

    private let name: String
    /// The process id.
    public let pid: pid_t
    private let state: Mutex<State>

    /// Starts a program. Its standard output and error are read line by line.
    ///
    /// By `posix_spawn` and not by Foundation's `Process`: that one leaves signals blocked in the child, and mistakes a
    /// child that closes its descriptors for one that has ended, after which it notices the end of no child any more.
    public init(_ executable: URL, _ arguments: [String], environment: [String: String] = [:]) throws {
        name = executable.lastPathComponent
        let (pid, input, output) = try Self.spawning.withLock { _ in
            try Self.spawn(executable, arguments, environment)
        }
        self.pid = pid
        state = Mutex(State(input: input))
        DispatchQueue(label: "output of \(name)").async { [self] in
            read(output)
            close(output)
            change { $0.isOutputEnded = true }
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            // As a shell reports it: the low seven bits hold the signal, the next eight the exit status.
            let signal = status & 0x7F
            change { $0.status = signal == 0 ? status >> 8 & 0xFF : 128 + signal }
        }
    }

    /// One program at a time, so that none inherits the pipes of another before they are marked.
    static let spawning: Mutex<Void> = {
        // Writing to a program that has ended is an error, not the end of the tests.
        Foundation.signal(SIGPIPE, SIG_IGN)
        return Mutex(())
    }()

    /// - Returns: the process id, and this side's ends of the pipes.
    private static func spawn(
        _ executable: URL,
        _ arguments: [String],
        _ environment: [String: String]
    ) throws -> (pid: pid_t, input: Int32, output: Int32) {
        var input: [Int32] = [0, 0]
        var output: [Int32] = [0, 0]
        guard pipe(&input) == 0, pipe(&output) == 0 else {
            throw Failure(description: "no pipe for \(executable.path): \(String(cString: strerror(errno)))")
        }
        // Otherwise every program started later would hold this one's input open, and closing it would end nothing.
        for descriptor in input + output { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        defer {
            close(input[0])
            close(output[1])
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input[0], 0)
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        posix_spawn_file_actions_adddup2(&actions, output[1], 2)
        for descriptor in inheritedDescriptors() { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var argv = ([executable.path] + arguments).map { strdup($0) } + [nil]
        var envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, executable.path, &actions, &attributes, &argv, &envp)
        guard result == 0 else {
            close(input[1])
            close(output[0])
            throw Failure(description: "cannot start \(executable.path): \(String(cString: strerror(result)))")
        }
        return (pid, input[1], output[0])
    }

    /// What a child would hold open without knowing: a socket, say, that its server has just accepted and not marked yet.
    static func inheritedDescriptors() -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { Int32($0) }.filter { descriptor in
            let flags = fcntl(descriptor, F_GETFD)
            return descriptor > 2 && flags >= 0 && flags & FD_CLOEXEC == 0
        }
    }

    private func read(_ descriptor: Int32) {
        var rest: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Foundation.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest.append(contentsOf: chunk[..<count])
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: rest[..<end], as: UTF8.self)
                rest.removeFirst(end + 1)
                change { $0.lines.append(line) }
            }
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let watchers = state.withLock { state in
            body(&state)
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.yield() }
    }

    /// Everything printed so far.
    public var lines: [String] { state.withLock { $0.lines } }

    /// Writes a line to the program's standard input.
    public func send(_ line: String) throws {
        let bytes = Array((line + "\n").utf8)
        let written = state.withLock { $0.input.map { write($0, bytes, bytes.count) } }
        guard written == bytes.count else { throw Failure(description: "\(name) does not take \"\(line)\"") }
    }

    /// Sends a signal to this process only.
    public func signal(_ number: Int32) {
        state.withLock { state in
            // Until its status is taken, the pid is nobody else's.
            if state.status == nil { kill(pid, number) }
        }
    }

    /// Closes the program's standard input. Idempotent.
    public func closeInput() {
        state.withLock { state in
            if let input = state.input { close(input) }
            state.input = nil
        }
    }

    /// Waits until nothing can be printed any more.
    public func waitForOutputEnd() async { await until { $0.isOutputEnded ? () : nil } }

    /// Waits for the program's end and returns its exit status; 128 + n after signal n.
    public func waitForEnd() async -> Int32 { await until { $0.status } ?? -1 }

    /// Waits for a line that holds a text; of those already printed, the ones from `start` on count.
    ///
    /// Throws when the program ends, when the time is over, or when a line with the `bad` text shows that it will not
    /// come.
    @discardableResult
    public func line(
        containing text: String,
        orLineContaining bad: String? = nil,
        from start: Int = 0,
        within limit: Duration = .seconds(120)
    ) async throws -> String {
        enum Found {
            case line(String)
            case end
        }
        let found: Found? = await TestEnvironment.within(limit) {
            await self.until { state in
                if let line = state.lines.dropFirst(start).first(where: { $0.contains(text) }) { return .line(line) }
                let isHopeless = bad.map { bad in state.lines.contains { $0.contains(bad) } } ?? false
                return state.isOutputEnded || isHopeless ? .end : nil
            }
        }
        if case .line(let line) = found { return line }
        let why = found == nil ? "did not print \"\(text)\" within \(limit)" : "ended without printing \"\(text)\""
        throw Failure(description: "\(name) \(why); its last lines:\n" + lines.suffix(30).joined(separator: "\n"))
    }

    @discardableResult
    private func until<Value: Sendable>(_ condition: @Sendable (State) -> Value?) async -> Value? {
        let (changes, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = continuation
            return state.nextWatcher
        }
        defer { state.withLock { _ = $0.watchers.removeValue(forKey: id) } }
        continuation.yield()
        for await _ in changes {
            if let value = state.withLock({ condition($0) }) { return value }
        }
        return nil
    }
}

/// The value of an operation, or nil when it takes longer than `limit`; it is cancelled then.
public func within<Value: Sendable>(
    _ limit: Duration,
    _ operation: @escaping @Sendable () async throws -> Value?
) async rethrows -> Value? {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await operation() }
        group.addTask {
            try? await Task.sleep(for: limit)
            return nil
        }
        return try await group.next() ?? nil
    }
}
