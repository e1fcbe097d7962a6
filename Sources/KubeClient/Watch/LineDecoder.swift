internal import Glibc

/// Cuts a byte stream into lines, however the bytes were cut into chunks on their way.
struct LineDecoder {
    /// An object may have 1.5 MB in etcd and is larger as JSON; ten times that is not an object any more.
    static let maximumLineBytes = 16 << 20

    struct LineTooLong: Error, CustomStringConvertible {
        var description: String { "a line is longer than \(LineDecoder.maximumLineBytes) bytes" }
    }

    private var buffer: [UInt8] = []
    /// Everything before is handed out.
    private var start = 0
    /// Everything before is known to hold no line break.
    private var searched = 0

    mutating func append(_ chunk: [UInt8]) throws(LineTooLong) {
        if start > 0 {
            buffer.removeFirst(start)
            searched -= start
            start = 0
        }
        buffer.append(contentsOf: chunk)
        guard buffer.count <= Self.maximumLineBytes else { throw LineTooLong() }
    }

    /// The next whole line, without its line break.
    mutating func next() -> ArraySlice<UInt8>? {
        guard let end = lineBreak() else {
            searched = buffer.count
            return nil
        }
        defer {
            start = end + 1
            searched = start
        }
        return buffer[start..<end]
    }

    private func lineBreak() -> Int? {
        buffer.withUnsafeBytes { bytes in
            guard searched < bytes.count, let base = bytes.baseAddress,
                let found = memchr(base + searched, Int32(UInt8(ascii: "\n")), bytes.count - searched)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }

    /// What is left when the stream has ended without a line break.
    mutating func finish() -> ArraySlice<UInt8>? {
        let rest = buffer[start...]
        start = buffer.count
        searched = start
        return rest.isEmpty ? nil : rest
    }
}
