import Glibc

/// Lets a script through once for each time it was opened.
///
/// `@unchecked Sendable`: a POSIX semaphore is made to be used by several threads, at a fixed address, which this owns.
final class BlockingGate: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func open() {
        sem_post(semaphore)
    }

    func wait() {
        while sem_wait(semaphore) != 0 {}
    }
}
