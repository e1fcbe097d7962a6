/// Who requests are made as, in place of who makes them.
///
/// The server does what this user may do, and wants the right to `impersonate` from whoever sends the request.
/// Kubernetes documentation, *Authentication, user impersonation*.
public struct Impersonation: Sendable, Hashable {
    /// `Impersonate-User`.
    public var user: String
    /// `Impersonate-Uid`, known to API servers from 1.22 on.
    public var uid: String?
    /// `Impersonate-Group`, once for each.
    public var groups: [String]
    /// `Impersonate-Extra-<key>`, once for each value. Keys are of lower case to the server.
    public var extra: [String: [String]]

    /// Impersonates a user.
    public init(user: String, uid: String? = nil, groups: [String] = [], extra: [String: [String]] = [:]) {
        self.user = user
        self.uid = uid
        self.groups = groups
        self.extra = extra
    }

    /// The header fields, some of one name.
    var fields: [(name: String, value: String)] {
        var fields = [("Impersonate-User", user)]
        if let uid { fields.append(("Impersonate-Uid", uid)) }
        fields += groups.map { ("Impersonate-Group", $0) }
        for (key, values) in extra.sorted(by: { $0.key < $1.key }) {
            fields += values.map { ("Impersonate-Extra-\(Self.escaped(key))", $0) }
        }
        return fields
    }

    /// Percent-encoded wherever a header field's name could not hold it, and `%` itself (client-go
    /// `transport/round_trippers.go`).
    private static func escaped(_ key: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in key.lowercased().utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): bytes.append(byte)
            case _ where "!#$&'*+-.^_`|~".utf8.contains(byte): bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
