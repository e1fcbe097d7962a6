internal import Glibc
internal import Synchronization

/// The thread of an event loop: named, and joined at the end.
///
/// A plain thread, because the loop blocks in `poll`, and threads of the cooperative pool must not block.
final class LoopThread: Sendable {
    private enum State {
        /// May be running. Moves to `joined`.
        case started(pthread_t)
        /// Gone, or left to itself when it had to join itself.
        case joined
    }

    private let state: Mutex<State>

    /// Starts the thread, which takes the loop over. `name` has at most 15 bytes, the kernel's limit.
    init(name: String, running loop: sending EventLoop) throws(TransferError) {
        // Signals belong to the threads that wait for them. Those a fault raises stay open, for crash reports.
        var signals = sigset_t()
        var previous = sigset_t()
        sigfillset(&signals)
        for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] { sigdelset(&signals, fault) }
        pthread_sigmask(SIG_BLOCK, &signals, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

        // One reference for the thread, which takes it over first thing; taken back here when there is no thread.
        let work = Unmanaged.passRetained(Work(name: name, loop: loop))
        var thread = pthread_t()
        let status = pthread_create(
            &thread,
            nil,
            { work in
                guard let work else { return nil }
                Unmanaged<Work>.fromOpaque(work).takeRetainedValue().run()
                return nil
            },
            work.toOpaque()
        )
        guard status == 0 else {
            work.release()
            throw TransferError(.other, "no thread for the event loop: \(String(cString: strerror(status)))")
        }
        state = Mutex(.started(thread))
    }

    /// Waits until the loop has ended. May be called again, and by several threads: all wait, hence the join
    /// under the lock, which nothing else uses.
    func join() {
        state.withLock { state in
            guard case .started(let thread) = state else { return }
            if pthread_equal(thread, pthread_self()) != 0 {
                // Whoever runs continuations in place may let go of the transport on its own thread.
                pthread_detach(thread)
            } else {
                pthread_join(thread, nil)
            }
            state = .joined
        }
    }

    /// What the thread is handed through C: not `Sendable`, since the loop is not, and used by that thread alone.
    private final class Work {
        private let name: String
        private let loop: EventLoop

        init(name: String, loop: EventLoop) {
            self.name = name
            self.loop = loop
        }

        func run() {
            nameThread()
            loop.run()
        }

        /// Through proc(5), since the C function is a GNU extension that Swift does not see. The name is only for people
        /// who look at the process, so failure does not matter.
        private func nameThread() {
            let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
            guard file >= 0 else { return }
            _ = name.withCString { write(file, $0, strlen($0)) }
            close(file)
        }
    }
}
