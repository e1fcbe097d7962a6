import Synchronization

/// Where tests of the machine keep the parts of states, by digest.
final class PartShelf: Sendable {
    static let shared = PartShelf()

    private let parts = Mutex<[String: [UInt8]]>([:])

    subscript(digest: String) -> [UInt8]? { parts.withLock { $0[digest] } }

    func put(_ new: [(digest: String, bytes: [UInt8])]) {
        parts.withLock { parts in
            for (digest, bytes) in new { parts[digest] = bytes }
        }
    }
}
