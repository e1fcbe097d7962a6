internal import Glibc

/// The name of this host: in a pod that of the pod, so that it stays the same when the container starts again.
enum HostName {
    static var current: String {
        var name = [CChar](repeating: 0, count: 256)
        // The last byte stays 0, whatever the host is called.
        guard gethostname(&name, name.count - 1) == 0 else { return "honua" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
