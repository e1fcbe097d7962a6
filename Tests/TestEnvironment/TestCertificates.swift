import Foundation

/// A private certificate authority and what it has signed, made by the `openssl` command, valid for two days.
///
/// The files are PEM, and go with the last reference.
public final class TestCertificates: Sendable {
    /// The authority's certificate.
    public let authority: String
    /// Signed by it for `localhost`, `redis.test` and 127.0.0.1.
    public let server: String
    public let serverKey: String
    /// Signed by it, for clients.
    public let client: String
    public let clientKey: String
    /// Another authority, which has signed none of these.
    public let otherAuthority: String

    private let folder: URL

    public init() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "redis-certificates-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
        let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        func makeAuthority(_ name: String) throws {
            try Command.run(
                ["openssl", "req", "-x509", "-days", "2", "-subj", "/CN=Test authority \(name)"] + newKey
                    + ["-keyout", file("\(name).key").path, "-out", file("\(name).crt").path]
            )
        }
        func sign(_ name: String, extensions: String) throws {
            try Command.run(
                ["openssl", "req", "-subj", "/CN=\(name)"] + newKey
                    + ["-keyout", file("\(name).key").path, "-out", file("\(name).csr").path]
            )
            try extensions.write(to: file("\(name).ext"), atomically: true, encoding: .utf8)
            try Command.run(
                [
                    "openssl", "x509", "-req", "-days", "2", "-in", file("\(name).csr").path, "-out",
                    file("\(name).crt").path,
                ]
                    + ["-CA", file("authority.crt").path, "-CAkey", file("authority.key").path, "-CAcreateserial"]
                    + ["-extfile", file("\(name).ext").path]
            )
        }
        try makeAuthority("authority")
        try makeAuthority("other")
        try sign("server", extensions: "subjectAltName=DNS:localhost,DNS:redis.test,IP:127.0.0.1\n")
        try sign("client", extensions: "extendedKeyUsage=clientAuth\n")
        self.folder = folder
        authority = file("authority.crt").path
        otherAuthority = file("other.crt").path
        server = file("server.crt").path
        serverKey = file("server.key").path
        client = file("client.crt").path
        clientKey = file("client.key").path
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }
}
