internal import Glibc

/// Reading a file whole.
package enum FileContents {
    package struct Unreadable: Error, CustomStringConvertible {
        let path: String
        let code: Int32
        package var description: String { "cannot read \(path): \(String(cString: strerror(code)))" }
    }

    /// nil when there is no such file.
    static func readIfPresent(_ path: String) throws(Unreadable) -> [UInt8]? {
        do {
            return try read(path)
        } catch {
            guard error.code == ENOENT || error.code == ENOTDIR else { throw error }
            return nil
        }
    }

    /// Neither kubeconfigs nor certificates nor tokens are longer; a device without an end would be.
    private static let maximumBytes = 16 << 20

    package static func read(_ path: String) throws(Unreadable) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Unreadable(path: path, code: errno) }
        defer { close(descriptor) }
        var contents: [UInt8] = []
        while true {
            var failure: Int32 = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
                let result = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                failure = result < 0 ? errno : 0
                count = max(0, result)
            }
            if failure == EINTR { continue }
            guard failure == 0 else { throw Unreadable(path: path, code: failure) }
            if chunk.isEmpty { return contents }
            contents.append(contentsOf: chunk)
            guard contents.count <= maximumBytes else { throw Unreadable(path: path, code: EFBIG) }
        }
    }
}
