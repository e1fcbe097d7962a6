internal import Glibc

/// The one place where this program's environment is read.
enum ProcessEnvironment {
    /// Read once. Nothing in this program changes its environment, and reading it at the same time as somebody changes it
    /// is what makes `environ` unsafe.
    static let variables: [String: String] = {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
            entry += 1
        }
        return variables
    }()
}
