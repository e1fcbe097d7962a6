import Glibc

/// A child process whose standard input and output are ours.
///
/// Made with `posix_spawn`, because the child must not inherit what threads of a Swift process have blocked, nor any
/// descriptor of another child: both would keep it from ending.
final class ChildProcess: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let pid: pid_t
    private let input: Int32
    private let output: Int32

    /// Starts a program found in `PATH`. What it writes to either output comes out of ``readLines(_:)``.
    init(_ words: [String]) throws {
        let (ourInput, itsInput) = try Self.pair()
        let (ourOutput, itsOutput) = try Self.pair()
        defer {
            close(itsInput)
            close(itsOutput)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, itsInput, 0)
        posix_spawn_file_actions_adddup2(&actions, itsOutput, 1)
        posix_spawn_file_actions_adddup2(&actions, itsOutput, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let arguments = words.map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, words[0], &actions, &attributes, arguments + [nil], environ)
        guard code == 0 else {
            close(ourInput)
            close(ourOutput)
            throw Failure(description: "\(words[0]) cannot be started: \(String(cString: strerror(code)))")
        }
        self.pid = pid
        input = ourInput
        output = ourOutput
    }

    /// Hands on each line until the program and all of its children have closed the output. Blocks.
    func readLines(_ body: (String) -> Void) {
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(output, &buffer, buffer.count)
            if count <= 0 { break }
            pending += buffer[..<count]
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                body(String(decoding: pending[..<end], as: UTF8.self))
                pending.removeFirst(end + 1)
            }
        }
        if !pending.isEmpty { body(String(decoding: pending, as: UTF8.self)) }
    }

    /// Ends the program's input and waits for its end; to be called once. Returns true if it ended with success.
    @discardableResult
    func finish() -> Bool {
        close(input)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        close(output)
        return status == 0
    }

    /// A socket pair, because `pipe2` with `O_CLOEXEC` is out of Swift's sight.
    private static func pair() throws -> (ours: Int32, its: Int32) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Failure(description: "socketpair: \(String(cString: strerror(errno)))")
        }
        return (ends[0], ends[1])
    }
}
