internal import Glibc
internal import JSON

/// Writes an archive line by line, and counts and digests what it writes.
///
/// A file appears under its name when it is complete, and not before: until then it has another name beside it, and is
/// removed when the writer is let go of.
final class ArchiveWriter {
    private let path: String?
    private let temporaryPath: String
    private var descriptor: Int32
    private var buffer: [UInt8] = []
    private let digest = RunningDigest()
    private var count = 0
    private var isFinished = false

    /// - Parameter path: nil for standard output.
    init(path: String?) throws(ArchiveError) {
        self.path = path
        temporaryPath = path.map { "\($0).\(getpid()).part" } ?? ""
        guard path != nil else {
            descriptor = STDOUT_FILENO
            return
        }
        // Only for whoever writes it: inputs and outputs of processes are nobody else's business.
        descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure("create \(temporaryPath)") }
    }

    deinit {
        guard path != nil, descriptor >= 0 else { return }
        close(descriptor)
        if !isFinished { unlink(temporaryPath) }
    }

    func write(_ header: ArchiveHeader) throws(ArchiveError) { try write(line: header.json()) }

    func write(_ entry: ArchiveEntry) throws(ArchiveError) {
        count += 1
        try write(line: entry.json())
    }

    /// Writes the trailer, and gives the file its name once all of it is on the disk.
    func finish() throws(ArchiveError) {
        var trailer = ArchiveTrailer()
        trailer.count = count
        trailer.sha256 = digest.finish()
        buffer += trailer.json().serialized() + [UInt8(ascii: "\n")]
        try flush()
        guard let path else { return }
        guard fsync(descriptor) == 0 else { throw Self.failure("write \(temporaryPath)") }
        guard rename(temporaryPath, path) == 0 else { throw Self.failure("rename \(temporaryPath) to \(path)") }
        isFinished = true
    }

    private func write(line: JSONValue) throws(ArchiveError) {
        let bytes = line.serialized() + [UInt8(ascii: "\n")]
        digest.update(bytes)
        buffer += bytes
        if buffer.count >= 1 << 20 { try flush() }
    }

    private func flush() throws(ArchiveError) {
        var start = 0
        while start < buffer.count {
            let written = buffer.withUnsafeBytes { bytes in
                Glibc.write(descriptor, bytes.baseAddress?.advanced(by: start), bytes.count - start)
            }
            if written > 0 { start += written } else if errno != EINTR { throw Self.failure("write the archive") }
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private static func failure(_ attempt: String) -> ArchiveError {
        ArchiveError("cannot \(attempt): \(String(cString: strerror(errno)))")
    }
}
