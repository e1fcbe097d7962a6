import Logging
import Synchronization

/// Owns the connection's thread, from start to join.
final class RedisConnection: Sendable {
    let mailbox: ConnectionMailbox
    private let thread: Mutex<SystemThread?>

    /// Starts the thread. It does nothing before it is asked to.
    init(
        _ configuration: RedisConfiguration,
        _ endpoint: RedisEndpoint,
        _ role: ConnectionRole,
        owner: (any ConnectionOwner)? = nil,
        logger: Logger
    ) throws(SystemError) {
        let mailbox = try ConnectionMailbox()
        let owner = WeakOwner(owner)
        thread = Mutex(
            // The thread refers to the mailbox and not to this object, whose end is what stops it.
            try SystemThread(name: "redis") {
                ConnectionLoop(configuration, endpoint, role, mailbox: mailbox, owner: owner, logger: logger).run()
            }
        )
        self.mailbox = mailbox
    }

    deinit {
        stop()
    }

    /// Ends the thread and waits for it: it never blocks in anything but `poll`, so this is a matter of milliseconds.
    ///
    /// Idempotent; every caller returns after the thread has ended.
    func stop() {
        mailbox.stop()
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }
}
