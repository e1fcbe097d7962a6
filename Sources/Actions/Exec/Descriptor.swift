internal import Glibc
internal import KubeClient
internal import Synchronization

/// One end of a pipe. Closed with its last reference, or before.
final class Descriptor: Sendable {
    let number: Int32
    private let isClosed = Atomic(false)

    private init(_ number: Int32) { self.number = number }

    deinit { close() }

    /// Both ends of a pipe that programs do not inherit.
    static func pipe() throws(Spawn.SystemError) -> (reading: Descriptor, writing: Descriptor) {
        let ends = try Spawn.pipe()
        return (Descriptor(ends.reading), Descriptor(ends.writing))
    }

    /// Has reads and writes return at once. The other end is not affected.
    func neverBlock() { _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK) }

    /// Idempotent. Not while another thread reads or writes.
    func close() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        _ = Glibc.close(number)
    }

    /// What has arrived: empty at the end, nil while there is nothing.
    func read() -> [UInt8]? {
        var isBlocked = false
        let bytes = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            repeat { count = Glibc.read(number, buffer.baseAddress, buffer.count) } while count < 0 && errno == EINTR
            isBlocked = count < 0 && errno == EAGAIN
            count = max(0, count)
        }
        return isBlocked ? nil : bytes
    }

    /// Writes what there is room for, and removes it from the bytes.
    /// - Returns: whether there is more to write, and somebody to read it.
    func write(_ bytes: inout ArraySlice<UInt8>) -> Bool {
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN
            }
            bytes = bytes.dropFirst(count)
        }
        return false
    }

    /// Writes what there is room for.
    func write(_ bytes: [UInt8]) {
        var bytes = bytes[...]
        _ = write(&bytes)
    }
}
