internal import Foundation
internal import JSON
internal import KubeClient

extension ClusterConfiguration {
    /// As whom the API server knows this program, if it is a service account: what its token says.
    /// nil for other credentials, of which only the server knows.
    var serviceAccountUser: String? {
        let text: String? =
            switch credentials {
            case .token(let token): token
            case .tokenFile(let path): try? String(contentsOfFile: path, encoding: .utf8)
            default: nil
            }
        // The second part of a JSON Web Token says whose it is (RFC 7519); nothing here rests on its being genuine.
        guard let parts = text?.split(separator: "."), parts.count == 3 else { return nil }
        var payload = String(parts[1]).replacing("-", with: "+").replacing("_", with: "/")
        payload += String(repeating: "=", count: (4 - payload.count % 4) % 4)
        let claims = Data(base64Encoded: payload).flatMap { try? JSONValue(parsing: $0) }
        guard let subject = claims?["sub"]?.string, subject.hasPrefix("system:serviceaccount:") else { return nil }
        return subject
    }
}
