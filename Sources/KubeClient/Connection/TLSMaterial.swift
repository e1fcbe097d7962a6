internal import HTTPTransport

/// The PEM texts of a TLS configuration, read from wherever they are.
struct TLSMaterial: Equatable, Sendable {
    var authorities: [UInt8]?
    var certificate: [UInt8]?
    var key: [UInt8]?

    /// Reads all of them.
    /// - Throws: what is wrong, unless all can be read and certificate and key belong together.
    init(_ tls: HTTPTransport.TLS) throws(ConfigurationError) {
        authorities = try Self.read(tls.certificateAuthorities)
        certificate = try Self.read(tls.clientCertificate)
        key = try Self.read(tls.clientKey)
        if let authorities, let problem = PEMCheck.problem(authorities: authorities) {
            throw Self.refuse("certificate-authority", tls.certificateAuthorities, problem)
        }
        if let certificate, let problem = PEMCheck.problem(certificate: certificate, key: key) {
            throw Self.refuse("client-certificate", tls.clientCertificate, problem)
        }
    }

    /// The settings of a transport with these in place of files.
    func applied(to tls: HTTPTransport.TLS) -> HTTPTransport.TLS {
        var tls = tls
        tls.certificateAuthorities = authorities.map { .data($0) }
        tls.clientCertificate = certificate.map { .data($0) }
        tls.clientKey = key.map { .data($0) }
        return tls
    }

    private static func read(_ pem: HTTPTransport.TLS.PEM?) throws(ConfigurationError) -> [UInt8]? {
        switch pem {
        case nil: return nil
        case .data(let bytes): return bytes
        case .file(let path):
            do {
                return try FileContents.read(path)
            } catch {
                throw ConfigurationError("\(error)")
            }
        }
    }

    private static func refuse(_ what: String, _ pem: HTTPTransport.TLS.PEM?, _ problem: String) -> ConfigurationError {
        if case .file(let path) = pem { return ConfigurationError("\(what) \(path) cannot be used: \(problem)") }
        return ConfigurationError("\(what) cannot be used: \(problem)")
    }
}
