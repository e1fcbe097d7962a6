import Foundation
import TestEnvironment

/// A directory with what credentials are made of, gone with its last reference.
final class CredentialFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("credentials-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func path(_ name: String) -> String { "\(path)/\(name)" }

    /// Puts a text into a file, at once, and returns its path.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
        return path(name)
    }

    /// Makes a program of shell commands, and returns its path.
    @discardableResult
    func script(_ commands: String, name: String = "plugin") throws -> String {
        try write("#!/bin/sh\n\(commands)\n", to: "\(name).text")
        // Not written by this process: a child that another test starts meanwhile would hold it open for writing for a
        // moment, and what is open for writing cannot be run.
        try run("install", ["-m", "755", "\(name).text", name])
        return path(name)
    }

    func read(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

    /// How many lines a file has; 0 when there is none.
    func lines(_ name: String) -> Int { ((try? read(name)) ?? "").split(separator: "\n").count }

    /// Makes `<name>.crt` and `<name>.key`, for a subject such as `/CN=admin/O=system:masters`, signed by the authority
    /// whose certificate and key have the given paths, or by itself.
    func makeCertificate(
        _ name: String,
        subject: String,
        authority: (certificate: String, key: String)? = nil,
        extensions: [String] = []
    ) throws {
        var arguments = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
        arguments += ["-days", "2", "-subj", subject, "-keyout", "\(name).key", "-out", "\(name).crt"]
        if let authority { arguments += ["-CA", authority.certificate, "-CAkey", authority.key] }
        for text in extensions { arguments += ["-addext", text] }
        try run("openssl", arguments)
    }

    private func run(_ command: String, _ arguments: [String]) throws {
        try Command.run([command] + arguments, in: path)
    }
}
