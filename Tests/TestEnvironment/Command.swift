import Foundation
import Glibc
import Synchronization

/// A command that is over in no time, run to its end on the calling thread.
///
/// By `posix_spawn`, like `ChildProcess` and for the same reasons.
public enum Command {
    /// Runs a command found on PATH; what it says is thrown when it fails.
    /// - Returns: what it says.
    @discardableResult
    public static func run(_ words: [String], in directory: String = "/") throws -> String {
        let (pid, output) = try ChildProcess.spawning.withLock { _ in
            try start(["/bin/sh", "-c", "cd -- \"$1\" && shift && exec \"$@\"", "sh", directory] + words)
        }
        defer { close(output) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(output, &chunk, chunk.count)
            if count > 0 { text += chunk[..<count] } else if count == 0 || errno != EINTR { break }
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        let said = String(decoding: text, as: UTF8.self)
        guard status == 0 else {
            throw ChildProcess.Failure(description: "\(words.joined(separator: " ")) failed: \(said)")
        }
        return said
    }

    private static func start(_ words: [String]) throws -> (pid: pid_t, output: Int32) {
        var output: [Int32] = [-1, -1]
        guard pipe(&output) == 0 else { throw ChildProcess.Failure(description: "no pipe for a command") }
        for descriptor in output { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        defer { close(output[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        posix_spawn_file_actions_adddup2(&actions, output[1], 2)
        for descriptor in ChildProcess.inheritedDescriptors() {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var argv = words.map { strdup($0) } + [nil]
        defer { for text in argv { free(text) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, words[0], &actions, nil, &argv, environ)
        guard result == 0 else {
            close(output[0])
            throw ChildProcess.Failure(description: "cannot start \(words[0]): \(String(cString: strerror(result)))")
        }
        return (pid, output[0])
    }
}
