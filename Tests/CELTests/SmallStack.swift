import Foundation

/// Runs work on a thread with the stack that threads of Swift concurrency have, and waits for it.
///
/// A stack that overflows ends the test process: that is how a test with this fails.
func onSmallStack(_ work: @escaping @Sendable () -> Void) {
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
        work()
        done.signal()
    }
    thread.stackSize = 512 * 1024
    thread.start()
    done.wait()
}
