internal import CHiredis
import Glibc

/// A thread of our own, for work that waits in `poll` or in the C library and so has no place in Swift's thread pool.
struct SystemThread: Sendable {
    private let handle: pthread_t

    /// Starts a thread.
    ///
    /// - Parameter name: What `top -H` shows, at most 15 bytes.
    init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let box = Unmanaged.passRetained(ThreadBody(name: name, body))
        var handle = pthread_t()
        let start: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
            if let argument { Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run() }
            return nil
        }
        let code = pthread_create(&handle, nil, start, box.toOpaque())
        guard code == 0 else {
            box.release()
            throw SystemError("pthread_create", code)
        }
        self.handle = handle
    }

    /// Waits for the thread's end. Exactly one of `join` and `detach` must be called, once.
    func join() {
        if pthread_equal(handle, pthread_self()) != 0 {
            pthread_detach(handle)
        } else {
            pthread_join(handle, nil)
        }
    }

    func detach() {
        pthread_detach(handle)
    }
}

private final class ThreadBody: Sendable {
    private let name: String
    private let body: @Sendable () -> Void

    init(name: String, _ body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }

    func run() {
        chiredis_name_thread(name)
        // OpenSSL writes without MSG_NOSIGNAL. In this thread a broken connection must be an error code, not a signal.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        body()
    }
}
