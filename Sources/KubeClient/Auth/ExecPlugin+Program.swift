internal import Glibc

extension ExecPlugin {
    /// The path of the program to run.
    func program() throws(Spawn.SystemError) -> String {
        guard !command.contains("/") else { return command }
        // As in Go, what is found by a relative entry is not run: whoever owns the directory could be anybody.
        let directories = (environment["PATH"] ?? "").split(separator: ":").filter { $0.hasPrefix("/") }
        guard let path = directories.map({ "\($0)/\(command)" }).first(where: Self.isExecutable) else {
            throw Spawn.SystemError(code: ENOENT)
        }
        return path
    }

    private static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

    /// How to get the program, as the end of an error; empty when the kubeconfig does not say. Control characters are
    /// left out, since it goes to terminals.
    var hint: String {
        guard let installHint else { return "" }
        let printable = installHint.unicodeScalars.filter { $0 == "\n" || $0.properties.generalCategory != .control }
        return "\n" + String(String.UnicodeScalarView(printable))
    }
}
