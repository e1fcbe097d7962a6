// Strings of the language are sequences of code points, not normalized: Swift's own `==` and `<`, which treat
// canonically equivalent texts as one, do not apply. UTF-8 sorts as code points do.

extension String {
    /// Whether both have the same code points.
    @inline(__always)
    func isSame(as other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        return withBytes { left in
            other.withBytes { right in left.elementsEqual(right) }
        }
    }

    /// Whether this one comes first in the order of code points.
    func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }

    /// The UTF-8 in one piece. Native strings lend it; there are no others on Linux, so the copy is never made.
    @inline(__always)
    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        utf8.withContiguousStorageIfAvailable(body) ?? Array(utf8).withUnsafeBufferPointer(body)
    }
}
