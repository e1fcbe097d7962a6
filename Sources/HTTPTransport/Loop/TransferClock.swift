/// The two time limits of a transfer. Pure: it is told what happened when.
struct TransferClock {
    typealias Instant = ContinuousClock.Instant

    private let timeout: Duration?
    private let idleTimeout: Duration?
    private let started: Instant
    private var lastByte: Instant
    private var isPaused = false

    init(timeout: Duration?, idleTimeout: Duration?, started: Instant) {
        self.timeout = timeout
        self.idleTimeout = idleTimeout
        self.started = started
        lastByte = started
    }

    /// Whether it matters when bytes are received, so that reading the time can be saved.
    var watchesBytes: Bool { idleTimeout != nil }

    mutating func received(at now: Instant) {
        lastByte = now
    }

    /// The reader is too slow. Bytes were just offered, so the whole idle timeout is left when it goes on.
    mutating func pause() {
        isPaused = true
    }

    mutating func resume(at now: Instant) {
        isPaused = false
        lastByte = now
    }

    /// When to look again; nil when no limit runs.
    var due: Instant? {
        let end = timeout.map { started.advanced(by: $0) }
        guard let idleTimeout, !isPaused else { return end }
        let idleEnd = lastByte.advanced(by: idleTimeout)
        return end.map { min($0, idleEnd) } ?? idleEnd
    }

    /// The limit that has passed, and what to say of it.
    func overdue(at now: Instant) -> (code: TransferError.Code, message: String)? {
        if let timeout, started.duration(to: now) >= timeout {
            return (.timedOut, "not complete after \(timeout)")
        }
        if let idleTimeout, !isPaused, lastByte.duration(to: now) >= idleTimeout {
            return (.idle, "no byte received for \(idleTimeout)")
        }
        return nil
    }
}
