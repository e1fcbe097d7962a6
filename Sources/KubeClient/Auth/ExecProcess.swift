internal import Glibc
internal import Synchronization

/// A run of a credential plugin. Blocks, so it is for a thread of its own; only `kill` is for others.
final class ExecProcess: Sendable {
    /// How a run came to its end.
    enum Ending: Equatable {
        case exited(status: Int32)
        case signalled(Int32)
        case timedOut
        case tooLong
    }

    /// More than this is no credential.
    static let maximumOutput = 1 << 20

    private let pid: pid_t
    private let output: Int32
    private let hasGroup: Bool
    /// The status of waitpid(2) once it has been taken. Until then the pid is nobody else's.
    private let status = Mutex<Int32?>(nil)

    /// Starts a program.
    /// - Parameter isInteractive: whether it gets standard input. It stays in this process's group then, since a
    ///   terminal stops other groups that read from it, and nothing that it has started is killed with it.
    /// - Throws: an `errno`.
    init(
        _ path: String,
        _ arguments: [String],
        _ environment: [String],
        isInteractive: Bool
    ) throws(Spawn.SystemError) {
        let pipe = try Spawn.pipe()
        defer { close(pipe.writing) }
        let started: pid_t
        do throws(Spawn.SystemError) {
            started = try Self.start([path] + arguments, environment, output: pipe.writing, isInteractive)
        } catch {
            close(pipe.reading)
            throw error
        }
        pid = started
        output = pipe.reading
        hasGroup = !isInteractive
    }

    deinit {
        close(output)
    }

    private static func start(
        _ words: [String],
        _ environment: [String],
        output: Int32,
        _ isInteractive: Bool
    ) throws(Spawn.SystemError) -> pid_t {
        guard !isInteractive else {
            return try Spawn.start(words, environment: environment, descriptors: [nil, output], hasOwnGroup: false)
        }
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard null >= 0 else { throw Spawn.SystemError(code: errno) }
        defer { close(null) }
        return try Spawn.start(words, environment: environment, descriptors: [null, output], hasOwnGroup: true)
    }

    /// Ends it and all it has started, unless it has ended. Callable from any thread.
    func kill() {
        status.withLock { status in
            guard status == nil else { return }
            _ = Glibc.kill(hasGroup ? -pid : pid, SIGKILL)
        }
    }

    /// What it writes to standard output until it ends, and how it does. To be called once.
    func run(limit: Duration?) -> (output: [UInt8], ending: Ending) {
        let deadline = limit.map { ContinuousClock.now + $0 }
        var bytes: [UInt8] = []
        var verdict: Ending?
        var isOpen = true
        var pause: Int32 = 1
        while true {
            if verdict == nil, let deadline, deadline <= .now {
                verdict = .timedOut
                kill()
            }
            // As long as it writes, the pipe wakes us. The rest is for those who close it and go on, and for those who
            // leave somebody behind that holds it open.
            var poll = pollfd(fd: isOpen ? output : -1, events: Int16(POLLIN), revents: 0)
            let left =
                deadline.map { Int32(clamping: ContinuousClock.now.duration(to: $0).wholeMilliseconds + 1) } ?? .max
            let isReady = Glibc.poll(&poll, 1, max(0, min(pause, verdict == nil ? left : pause))) > 0
            if isReady {
                let chunk = read()
                isOpen = !chunk.isEmpty
                bytes += chunk
                pause = isOpen ? 250 : 1
                if bytes.count > Self.maximumOutput, verdict == nil {
                    verdict = .tooLong
                    kill()
                }
            } else if let ending = takeStatus() {
                // It may have written between our last look and its end.
                while isOpen, bytes.count <= Self.maximumOutput {
                    var last = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
                    let chunk = Glibc.poll(&last, 1, 0) > 0 ? read() : []
                    isOpen = !chunk.isEmpty
                    bytes += chunk
                }
                return (bytes, verdict ?? ending)
            } else {
                pause = min(pause * 2, isOpen ? 250 : 50)
            }
        }
    }

    private func read() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            repeat { count = Glibc.read(output, buffer.baseAddress, buffer.count) } while count < 0 && errno == EINTR
            count = max(0, count)
        }
    }

    /// nil while it runs.
    private func takeStatus() -> Ending? {
        status.withLock { taken in
            var status: Int32 = 0
            let result = waitpid(pid, &status, WNOHANG)
            if result == 0 || (result < 0 && errno == EINTR) { return nil }
            // Somebody else collects all children of this process. What the plugin has written tells how it went.
            if result < 0 { status = 0 }
            taken = status
            // The low seven bits hold the signal, the next eight the exit status.
            let signal = status & 0x7F
            return signal == 0 ? .exited(status: status >> 8 & 0xFF) : .signalled(signal)
        }
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
