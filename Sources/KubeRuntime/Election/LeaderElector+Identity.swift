internal import Glibc

extension LeaderElector {
    /// The name of the host, for people, and a random part, so that it is new with each process: `node-7_` and 32
    /// hexadecimal digits. client-go's users build it likewise (`host_uuid`).
    public static func makeIdentity() -> String {
        var random = ""
        for _ in 0..<2 {
            let digits = String(UInt64.random(in: .min ... .max), radix: 16)
            random += String(repeating: "0", count: 16 - digits.count) + digits
        }
        return "\(hostName)_\(random)"
    }

    /// The name of the host, in a pod that of the pod; `unknown` where the system tells none.
    public static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        // The last byte stays 0, whatever the host is called.
        let host = gethostname(&name, name.count - 1) == 0 ? name.prefix { $0 != 0 } : []
        return host.isEmpty ? "unknown" : String(decoding: host.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
