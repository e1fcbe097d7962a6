import Glibc

/// A system call that failed, with the system's own words.
struct SystemError: Error, Hashable, CustomStringConvertible {
    let call: String
    let code: Int32

    init(_ call: String, _ code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    var description: String {
        // Thread-safe in glibc since 2.32.
        let text = strerror(code).map { String(cString: $0) } ?? "unknown error"
        return "\(call): \(text) (errno \(code))"
    }
}
