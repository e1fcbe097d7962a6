internal import Glibc

/// A thread for work that blocks, which threads of the cooperative pool must not.
package enum DetachedThread {
    /// Starts a thread that ends with the work. False when the system is out of threads; the work is not done then.
    package static func start(_ work: @escaping @Sendable () -> Void) -> Bool {
        // Signals belong to the threads that wait for them. Those a fault raises stay open, for crash reports.
        var signals = sigset_t()
        var previous = sigset_t()
        sigfillset(&signals)
        for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] { sigdelset(&signals, fault) }
        pthread_sigmask(SIG_BLOCK, &signals, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

        // One reference for the thread, which takes it over first thing; taken back here when there is no thread.
        let box = Unmanaged.passRetained(Work(work))
        var thread = pthread_t()
        let status = pthread_create(
            &thread,
            nil,
            { box in
                guard let box else { return nil }
                Unmanaged<Work>.fromOpaque(box).takeRetainedValue().body()
                return nil
            },
            box.toOpaque()
        )
        guard status == 0 else {
            box.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
