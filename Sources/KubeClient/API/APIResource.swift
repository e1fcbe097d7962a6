/// A kind of object that an API server serves, and where it serves it.
public struct APIResource: Sendable, Hashable {
    /// Empty for the core group.
    public let group: String
    /// For example `v1`.
    public let version: String
    /// For example `ConfigMap`.
    public let kind: String
    /// As in the URL: `configmaps`.
    public let plural: String
    /// Whether objects live in a namespace.
    public let isNamespaced: Bool

    /// Describes a kind.
    public init(group: String = "", version: String, kind: String, plural: String, isNamespaced: Bool = true) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        self.isNamespaced = isNamespaced
    }

    /// As objects carry it: `v1` or `apps/v1`.
    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// As people say it: `configmaps` or `deployments.apps`.
    public var qualifiedName: String { group.isEmpty ? plural : "\(plural).\(group)" }

    func path(namespace: String?, name: String? = nil, subresource: Subresource? = nil) -> String {
        var path = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        if isNamespaced, let namespace { path += "/namespaces/\(URLEncoding.segment(namespace))" }
        path += "/\(plural)"
        if let name { path += "/\(URLEncoding.segment(name))" }
        if let subresource { path += "/\(subresource.rawValue)" }
        return path
    }
}

enum URLEncoding {
    /// Everything but the unreserved characters of RFC 3986 becomes `%XX`.
    static func segment(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }

    static func query(_ items: [(String, String)]) -> String {
        items.isEmpty ? "" : "?" + items.map { "\($0)=\(segment($1))" }.joined(separator: "&")
    }
}
