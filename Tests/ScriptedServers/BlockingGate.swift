import Glibc

/// Lets a script through once for each time it was opened.
///
/// `@unchecked Sendable`: a POSIX semaphore is made to be used by several threads, at a fixed address, which this owns.
package final class BlockingGate: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    package init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    package func open() {
        sem_post(semaphore)
    }

    package func wait() {
        while sem_wait(semaphore) != 0 {}
    }
}
