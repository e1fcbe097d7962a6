internal import JSON

/// What a plugin has answered.
struct ExecCredential: Sendable {
    let token: String?
    let certificate: [UInt8]?
    let key: [UInt8]?
    /// nil when it is good until the server refuses it.
    let expiration: Timestamp?

    /// Whether the server cannot tell one from the other.
    func isSame(as other: ExecCredential) -> Bool {
        (token, certificate, key) == (other.token, other.certificate, other.key)
    }

    /// Reads the output of a plugin. Errors say what is wrong with it, and quote nothing of it.
    init(parsing output: [UInt8], for plugin: ExecPlugin) throws(CredentialError) {
        func refuse(_ problem: String) -> CredentialError {
            CredentialError("credential plugin \(plugin.command) \(problem)")
        }
        let answer: JSONValue
        do {
            answer = try JSONValue(parsing: output)
        } catch {
            throw refuse("answered with something that is not JSON")
        }
        guard answer["kind"]?.string == "ExecCredential" else { throw refuse("answered with no ExecCredential") }
        guard answer["apiVersion"]?.string == plugin.apiVersion.rawValue else {
            throw refuse(
                "was asked for \(plugin.apiVersion.rawValue) and answered in another version; "
                    + "set apiVersion in the kubeconfig to one that the plugin knows"
            )
        }
        guard let status = answer["status"], status.object != nil else { throw refuse("answered without a status") }
        func text(_ key: String) throws(CredentialError) -> String? {
            switch status[key] {
            case nil, .null: return nil
            case .string(let text): return text.isEmpty ? nil : text
            default: throw refuse("answered with a status.\(key) that is not a string")
            }
        }
        token = try text("token")
        certificate = try text("clientCertificateData").map { Array($0.utf8) }
        key = try text("clientKeyData").map { Array($0.utf8) }
        guard (certificate == nil) == (key == nil) else {
            throw refuse("answered with only one of clientCertificateData and clientKeyData")
        }
        guard token != nil || certificate != nil else {
            throw refuse("answered with neither a token nor a client certificate")
        }
        if let certificate, let problem = PEMCheck.problem(certificate: certificate, key: key) {
            throw refuse("answered with a client certificate that cannot be used: \(problem)")
        }
        expiration = try text("expirationTimestamp").map { text throws(CredentialError) in
            guard let time = Timestamp(text) else {
                throw refuse("answered with an expirationTimestamp that is not a time of RFC 3339")
            }
            return time
        }
    }
}
