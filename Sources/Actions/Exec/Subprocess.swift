internal import Glibc
internal import KubeClient
internal import Synchronization

/// A program that a step has started, in a process group of its own.
///
/// Two threads belong to it while it runs: one waits for its end, the other reads, writes, and is alone in sending it
/// signals. It takes its status at the very last, so that until then its pid is nobody else's.
final class Subprocess: Sendable {
    /// What to start.
    struct Program: Sendable {
        /// The path and its arguments.
        var command: [String]
        /// All of it: nothing is inherited.
        var environment: [String: String]
        var workingDirectory: String
        /// What it reads from standard input.
        var input: [UInt8]
        /// Of address space, in KiB.
        var memoryKiB: Int
        /// In seconds, of each process of the program.
        var cpuSeconds: Int
        /// How much of standard output and error, together, is kept.
        var outputLimit: Int
        /// How long after SIGTERM comes SIGKILL.
        var grace: Duration
    }

    /// How it ended, and what it has written.
    struct Ending: Sendable {
        enum Cause: Sendable, Hashable {
            case exited(Int32)
            case signalled(Int32)
        }

        var cause: Cause
        var output: [UInt8] = []
        var error: [UInt8] = []
        /// Whether more was written than is kept.
        var isTruncated = false
    }

    private struct State {
        var isToEnd = false
        var hasEnded = false
    }

    private let program: Program
    private let pid: pid_t
    private let input: Descriptor
    private let output: Descriptor
    private let error: Descriptor
    private let wakeUp: (reading: Descriptor, writing: Descriptor)
    private let state = Mutex(State())

    // MARK: Start

    /// By posix_spawn(3), which cannot set limits and, in the form that Swift sees, cannot change the directory: a
    /// shell does both, and becomes the program.
    private static let script = """
        cd -- "$1" && ulimit -c 0 && ulimit -v "$2" && ulimit -S -t "$3" && ulimit -H -t "$4" || exit 125
        shift 4
        unset PWD OLDPWD
        exec "$@"
        """

    /// Starts a program.
    init(_ program: Program) throws(Spawn.SystemError) {
        self.program = program
        let (input, output, error) = (try Descriptor.pipe(), try Descriptor.pipe(), try Descriptor.pipe())
        wakeUp = try Descriptor.pipe()
        let limits = ["\(program.memoryKiB)", "\(program.cpuSeconds)", "\(program.cpuSeconds + 5)"]
        pid = try Spawn.start(
            ["/bin/sh", "-c", Self.script, "sh", program.workingDirectory] + limits + program.command,
            environment: program.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" },
            descriptors: [input.reading.number, output.writing.number, error.writing.number],
            hasOwnGroup: true
        )
        (self.input, self.output, self.error) = (input.writing, output.reading, error.reading)
        for end in [self.input, self.output, self.error, wakeUp.reading, wakeUp.writing] { end.neverBlock() }
    }

    // MARK: While it runs

    /// Has the program ended: SIGTERM for its group now, SIGKILL after the grace. Callable from anywhere, more than
    /// once.
    func terminate() {
        state.withLock { $0.isToEnd = true }
        wakeUp.writing.write([0])
    }

    /// Waits for the program's end. When the task is cancelled the program is terminated, and still waited for. To be
    /// called once.
    func run() async -> Ending {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isSupervised = DetachedThread.start { continuation.resume(returning: self.supervise()) }
                guard !isSupervised else { return }
                _ = kill(-pid, SIGKILL)
                continuation.resume(returning: Ending(cause: takeStatus()))
            }
        } onCancel: {
            terminate()
        }
    }

    /// Returns when the program has ended. What it has started and left in its group ends with it.
    ///
    /// SIGPIPE is blocked on this thread, as all signals are: a program that does not read its input makes no trouble.
    private func supervise() -> Ending {
        let isWatched = DetachedThread.start { self.awaitEnd() }
        if !isWatched {
            _ = kill(-pid, SIGKILL)
            awaitEnd()
        }
        var ending = Ending(cause: .exited(0))
        var unwritten = program.input[...]
        var isOpen = (input: true, output: true, error: true)
        var killing: ContinuousClock.Instant?
        var isTerminated = false
        while true {
            if isOpen.input {
                isOpen.input = input.write(&unwritten)
                if !isOpen.input { input.close() }
            }
            let state = state.withLock { $0 }
            if state.hasEnded { break }
            if state.isToEnd, !isTerminated {
                isTerminated = true
                killing = .now + program.grace
                _ = kill(-pid, SIGTERM)
            }
            if let time = killing, time <= .now {
                killing = nil
                _ = kill(-pid, SIGKILL)
            }
            Self.wait(
                [
                    (wakeUp.reading, POLLIN), (isOpen.output ? output : nil, POLLIN),
                    (isOpen.error ? error : nil, POLLIN), (isOpen.input ? input : nil, POLLOUT),
                ],
                until: killing
            )
            _ = wakeUp.reading.read()
            if isOpen.output { isOpen.output = take(from: output, into: \.output, &ending) }
            if isOpen.error { isOpen.error = take(from: error, into: \.error, &ending) }
        }
        _ = kill(-pid, SIGKILL)
        // What was written between the last look and the end; somebody who has left the group may go on writing.
        for _ in 0..<32 where isOpen.output { isOpen.output = take(from: output, into: \.output, &ending) }
        for _ in 0..<32 where isOpen.error { isOpen.error = take(from: error, into: \.error, &ending) }
        ending.cause = takeStatus()
        return ending
    }

    private static func wait(_ ends: [(Descriptor?, Int32)], until time: ContinuousClock.Instant?) {
        var polled = ends.map { pollfd(fd: $0.0?.number ?? -1, events: Int16($0.1), revents: 0) }
        let left = time.map { ContinuousClock.now.duration(to: $0) }
        let milliseconds = left.map { Int32(clamping: max(0, Int64($0 / .milliseconds(1)) + 1)) } ?? -1
        _ = poll(&polled, nfds_t(polled.count), milliseconds)
    }

    /// - Returns: whether there may be more.
    private func take(
        from end: Descriptor,
        into path: WritableKeyPath<Ending, [UInt8]>,
        _ ending: inout Ending
    ) -> Bool {
        guard let bytes = end.read() else { return true }
        let room = max(0, program.outputLimit - ending.output.count - ending.error.count)
        ending[keyPath: path] += bytes.prefix(room)
        if bytes.count > room { ending.isTruncated = true }
        return !bytes.isEmpty
    }

    /// Blocks until the program has ended; its status stays for `takeStatus`.
    private func awaitEnd() {
        while waitid(P_PID, id_t(pid), nil, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        state.withLock { $0.hasEnded = true }
        wakeUp.writing.write([0])
    }

    private func takeStatus() -> Ending.Cause {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        // The low seven bits hold the signal, the next eight the exit status.
        let signal = status & 0x7F
        return signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
    }
}
