internal import CCurl
internal import Glibc

/// Ends the event loop's sleep from any thread: an eventfd.
final class WakeUp: Sendable {
    let descriptor: Int32

    init() throws(TransferError) {
        descriptor = ccurl_eventfd()
        guard descriptor >= 0 else {
            throw TransferError(.other, "no eventfd for the event loop: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        close(descriptor)
    }

    /// Has the descriptor readable until `clear`. Callable from any thread.
    func signal() {
        // Fails only when the counter is full, and then the descriptor is readable already.
        var one: UInt64 = 1
        _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Takes back all signals so far. For the event loop.
    func clear() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
}
