internal import Glibc

/// Reading a file whole.
package enum FileContents {
    package struct Unreadable: Error, CustomStringConvertible {
        let path: String
        let reason: String
        package var description: String { "cannot read \(path): \(reason)" }
    }

    package static func read(_ path: String) throws(Unreadable) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Unreadable(path: path, reason: String(cString: strerror(errno))) }
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
            guard failure == 0 else { throw Unreadable(path: path, reason: String(cString: strerror(failure))) }
            if chunk.isEmpty { return contents }
            contents.append(contentsOf: chunk)
        }
    }
}
