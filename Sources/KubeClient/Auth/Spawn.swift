package import Glibc
internal import Synchronization

/// Starts programs by posix_spawn(3). They inherit nothing of this process but what is asked for, and begin with all
/// signals as a new program has them.
package enum Spawn {
    /// A system call that failed.
    package struct SystemError: Error, Sendable, CustomStringConvertible {
        /// An `errno`.
        package let code: Int32
        package var description: String { String(cString: strerror(code)) }
    }

    /// Held while a pipe is made and marked, and while a program is started, so that none inherits an unmarked one.
    /// Swift does not see pipe2(2), which marks at once.
    private static let turn = Mutex(())

    /// A pipe that programs started here do not inherit.
    package static func pipe() throws(SystemError) -> (reading: Int32, writing: Int32) {
        try turn.withLock { _ throws(SystemError) in
            var ends: [Int32] = [-1, -1]
            guard Glibc.pipe(&ends) == 0 else { throw SystemError(code: errno) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return (ends[0], ends[1])
        }
    }

    /// Starts a program.
    /// - Parameters:
    ///   - words: the path and the arguments.
    ///   - environment: all of it, each as `NAME=value`.
    ///   - descriptors: what it finds as 0, 1, 2; nil leaves this process's.
    ///   - hasOwnGroup: whether it is the leader of a process group of its own.
    package static func start(
        _ words: [String],
        environment: [String],
        descriptors: [Int32?],
        hasOwnGroup: Bool
    ) throws(SystemError) -> pid_t {
        try turn.withLock { _ throws(SystemError) in
            try spawn(words, environment, descriptors, hasOwnGroup)
        }
    }

    private static func spawn(
        _ words: [String],
        _ environment: [String],
        _ descriptors: [Int32?],
        _ hasOwnGroup: Bool
    ) throws(SystemError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in descriptors.enumerated() {
            guard let descriptor else { continue }
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
        for number in inheritedDescriptors() { posix_spawn_file_actions_addclose(&actions, number) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let group = hasOwnGroup ? POSIX_SPAWN_SETPGROUP : 0
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group))

        var argv = words.map { strdup($0) } + [nil]
        var envp = environment.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        var result = posix_spawn(&pid, words[0], &actions, &attributes, &argv, &envp)
        // A program that was just installed is busy while another process, forked in between, still holds it open for
        // writing: until that one's exec (golang/go#22315).
        for _ in 0..<10 where result == ETXTBSY {
            poll(nil, 0, 10)
            result = posix_spawn(&pid, words[0], &actions, &attributes, &argv, &envp)
        }
        guard result == 0 else { throw SystemError(code: result) }
        return pid
    }

    /// Descriptors that somebody has forgotten to mark as not to be inherited.
    private static func inheritedDescriptors() -> [Int32] {
        guard let directory = opendir("/proc/self/fd") else { return [] }
        defer { closedir(directory) }
        var descriptors: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let descriptor = Int32(name), descriptor > 2 else { continue }
            let flags = fcntl(descriptor, F_GETFD)
            if flags >= 0, flags & FD_CLOEXEC == 0 { descriptors.append(descriptor) }
        }
        return descriptors
    }
}
