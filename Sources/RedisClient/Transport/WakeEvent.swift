internal import CHiredis
import Glibc

/// Makes a thread's `poll` return: an eventfd.
final class WakeEvent: Sendable {
    let fileDescriptor: Int32

    init() throws(SystemError) {
        fileDescriptor = chiredis_eventfd()
        if fileDescriptor < 0 { throw SystemError("eventfd") }
    }

    deinit {
        close(fileDescriptor)
    }

    /// Any thread may call this. Several signals before the thread looks count as one.
    func signal() {
        var one: UInt64 = 1
        // Fails only when the counter is full, and then the event is set already.
        _ = write(fileDescriptor, &one, 8)
    }

    /// Back to sleep; for the thread that polls.
    func clear() {
        var count: UInt64 = 0
        _ = read(fileDescriptor, &count, 8)
    }
}
