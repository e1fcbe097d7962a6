import Glibc

/// A thread that may block, to be joined once.
package struct BlockingThread: Sendable {
    private let thread: pthread_t

    package init(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let work = Unmanaged.passRetained(Work(body: body))
        let status = pthread_create(
            &thread,
            nil,
            { work in
                // OpenSSL writes to closed sockets without asking to be spared the signal.
                var signals = sigset_t()
                sigemptyset(&signals)
                sigaddset(&signals, SIGPIPE)
                pthread_sigmask(SIG_BLOCK, &signals, nil)
                if let work { Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body() }
                return nil
            },
            work.toOpaque()
        )
        precondition(status == 0, "no thread for a test server")
        self.thread = thread
    }

    package func join() {
        pthread_join(thread, nil)
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void

        init(body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }
}
