internal import CRDs
internal import Glibc
internal import JSON
internal import KubeClient
internal import Reconcilers
internal import Workflows
internal import YAML

/// A file that holds one HonuaProcess.
struct ProcessFile {
    private let name: String
    private let document: YAMLDocument
    private let process: HonuaProcess

    /// A file that cannot be run, with the line of each fault.
    struct Invalid: Error, CustomStringConvertible {
        let description: String
    }

    /// - Parameter file: a path, or `-` for standard input.
    static func read(_ file: String) throws(Invalid) -> ProcessFile {
        let name = file == "-" ? "standard input" : file
        let bytes: [UInt8]
        do {
            bytes = try FileContents.read(file == "-" ? "/dev/stdin" : file)
        } catch {
            throw Invalid(description: "\(error)")
        }
        return try ProcessFile(bytes, name: name)
    }

    init(_ bytes: [UInt8], name: String) throws(Invalid) {
        let documents: [YAMLDocument]
        do {
            documents = try YAMLDocument.parse(bytes)
        } catch {
            throw Invalid(description: "\(name):\(error.line):\(error.column): malformed YAML: \(error.message)")
        }
        let processes = documents.filter { $0.value["kind"]?.string == HonuaProcess.api.kind }
        guard let document = processes.first else {
            throw Invalid(description: "\(name): there is no HonuaProcess in it (kind: HonuaProcess)")
        }
        guard processes.count == 1 else {
            throw Invalid(description: "\(name): there are \(processes.count) HonuaProcesses in it; run takes one")
        }
        let version = document.value["apiVersion"]?.string ?? ""
        guard version == HonuaProcess.api.apiVersion else {
            let line = document.line(of: "apiVersion") ?? 1
            throw Invalid(
                description: "\(name):\(line): apiVersion: is \"\(version)\", expected \(HonuaProcess.api.apiVersion)"
            )
        }
        do {
            process = try HonuaProcess(json: document.value)
        } catch {
            throw Invalid(description: "\(name):\(document.line(of: error.path) ?? 1): \(error)")
        }
        self.name = name
        self.document = document
    }

    /// The namespace that the file names.
    var namespace: String? { process.metadata.namespace }

    /// What the engine is to run.
    func request(defaults: ProcessDefaults, actions: ActionCatalog) throws(Invalid) -> ProcessRequest {
        var process = process
        process.metadata.uid = RandomUUID.make()
        do {
            // A file has no namespace around it in which there could be templates.
            return try process.request(defaults: defaults, actions: actions) { _, _ in nil }
        } catch {
            let lines = error.violations.map { "\(name):\(document.line(of: $0.path) ?? 1): \($0)" }
            throw Invalid(description: lines.joined(separator: "\n"))
        }
    }
}

/// Process ids for runs without a resource.
enum RandomUUID {
    /// A random UUID (RFC 9562, version 4) in lower case.
    static func make() -> String {
        var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return text
    }
}

/// Words for people that are no output.
enum StandardError {
    static func print(_ text: String) {
        let line = Array((text + "\n").utf8)
        // Nothing can be said when even this fails.
        _ = write(STDERR_FILENO, line, line.count)
    }
}
