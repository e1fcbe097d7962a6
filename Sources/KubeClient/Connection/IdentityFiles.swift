internal import HTTPTransport

/// The files that say who the client is and whom it trusts, and what they said when they were last in order.
struct IdentityFiles: Sendable {
    /// How long what was read is used before the files are looked at again. A token: client-go
    /// `transport/token_source.go`, one minute. Certificates: kube-rs takes a minute too, client-go five
    /// (`transport/cert_rotation.go`).
    static let interval: Duration = .seconds(60)

    private let tls: HTTPTransport.TLS
    private let tokenPath: String?
    private var nextLook: Duration
    private(set) var material: TLSMaterial
    private(set) var token: String?
    /// What was wrong at the last look.
    private var complaints: [String] = []

    /// Reads all of them.
    init(_ configuration: ClusterConfiguration, at now: Duration) throws(ConfigurationError) {
        tls = configuration.tls
        if case .tokenFile(let path) = configuration.credentials { tokenPath = path } else { tokenPath = nil }
        nextLook = now + Self.interval
        material = try TLSMaterial(tls)
        token = try tokenPath.map(Self.readToken)
    }

    /// Reads all of them again if it is time. What is not in order keeps what was read before in use: certificate,
    /// key and authorities together, and the token.
    /// - Parameter regardless: whether it is time in any case.
    /// - Returns: what is wrong now and was not at the look before; nil when it was not time.
    mutating func look(at now: Duration, regardless: Bool) -> [String]? {
        guard regardless || now >= nextLook else { return nil }
        nextLook = now + Self.interval
        var problems: [String] = []
        do { material = try TLSMaterial(tls) } catch { problems.append("\(error)") }
        do { token = try tokenPath.map(Self.readToken) } catch { problems.append("\(error)") }
        defer { complaints = problems }
        return problems.filter { !complaints.contains($0) }
    }

    private static func readToken(_ path: String) throws(ConfigurationError) -> String {
        let bytes: [UInt8]
        do {
            bytes = try FileContents.read(path)
        } catch {
            throw ConfigurationError("\(error)")
        }
        let token = String(decoding: bytes, as: UTF8.self).trimmingBlanks()
        guard !token.isEmpty else { throw ConfigurationError("token file \(path) is empty") }
        return token
    }
}
