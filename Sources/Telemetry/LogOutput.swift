internal import Glibc

/// A file descriptor that takes whole lines.
public struct LogOutput: Sendable {
    private let descriptor: Int32

    /// Where JSON lines go.
    public static let standardOutput = LogOutput(descriptor: STDOUT_FILENO)
    /// Where lines for people go.
    public static let standardError = LogOutput(descriptor: STDERR_FILENO)

    /// One call to the system for each line, so that lines of several tasks do not mix; a reader that is gone is
    /// ignored.
    func write(_ line: String) {
        var line = line
        line.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
        }
    }
}
