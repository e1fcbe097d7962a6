/// Cuts a byte stream into lines, however the bytes were cut into chunks on their way.
struct JSONLineDecoder {
    /// An object may have 1.5 MB in etcd and is larger as JSON; ten times that is not an object any more.
    static let maximumLineBytes = 16 << 20

    struct LineTooLong: Error, CustomStringConvertible {
        var description: String { "an event is longer than \(JSONLineDecoder.maximumLineBytes) bytes" }
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

    /// The next whole line that is not blank, without its line break.
    mutating func next() -> ArraySlice<UInt8>? {
        while let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = buffer[start..<end]
            start = end + 1
            searched = start
            if line.contains(where: { $0 > 0x20 }) { return line }
        }
        searched = buffer.count
        return nil
    }

    /// What is left when the stream has ended.
    mutating func finish() -> ArraySlice<UInt8>? {
        let rest = buffer[start...]
        start = buffer.count
        searched = start
        return rest.contains(where: { $0 > 0x20 }) ? rest : nil
    }
}
