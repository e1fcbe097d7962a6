import Foundation
import Glibc
import KubeClient
import Logging
import Synchronization

/// An HTTP server on a free port of 127.0.0.1 that answers each path with a document, or with 404. Ends with its last
/// reference.
final class DiscoveryServer: Sendable {
    /// A status and a body.
    typealias Answer = (status: Int, body: String)

    private final class Shared: Sendable {
        let answer: @Sendable (_ path: String) -> Answer
        let paths = Mutex<[String]>([])
        let open = Mutex<Set<Int32>>([])

        init(_ answer: @escaping @Sendable (String) -> Answer) { self.answer = answer }
    }

    private let listener: Int32
    private let port: UInt16
    private let shared: Shared

    init(_ answer: @escaping @Sendable (_ path: String) -> Answer) throws {
        let shared = Shared(answer)
        self.shared = shared
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) | listen(descriptor, 64) | getsockname(descriptor, $0, &length)
            }
        }
        guard status == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread {
            while true {
                let connection = accept(descriptor, nil, nil)
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                guard connection >= 0 else { return }
                shared.open.withLock { _ = $0.insert(connection) }
                Thread.detachNewThread {
                    Self.serve(connection, shared)
                    shared.open.withLock { _ = $0.remove(connection) }
                    close(connection)
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        shared.open.withLock { open in
            for connection in open { shutdown(connection, Int32(SHUT_RDWR)) }
        }
    }

    /// What was asked for so far, in order.
    var paths: [String] { shared.paths.withLock(\.self) }

    func client() throws -> KubeClient {
        let configuration = ClusterConfiguration(server: "http://127.0.0.1:\(port)")
        return try KubeClient(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private static func serve(_ connection: Int32, _ shared: Shared) {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            while let end = received.firstRange(of: Array("\r\n\r\n".utf8)) {
                let head = String(decoding: received[..<end.lowerBound], as: UTF8.self)
                received.removeSubrange(..<end.upperBound)
                let path = head.split(separator: " ", maxSplits: 2).dropFirst().first.map(String.init) ?? ""
                shared.paths.withLock { $0.append(path) }
                let (status, body) = shared.answer(path)
                let text =
                    "HTTP/1.1 \(status) Status\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                guard write(connection, text, text.utf8.count) == text.utf8.count else { return }
            }
            let count = read(connection, &buffer, buffer.count)
            guard count > 0 else { return }
            received += buffer[..<count]
        }
    }
}

/// Documents in the shapes of real servers.
enum DiscoveryDocuments {
    static let versions = #"{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[]}"#

    static let core = #"""
        {"kind":"APIResourceList","groupVersion":"v1","resources":[
          {"name":"namespaces","singularName":"","namespaced":false,"kind":"Namespace",
           "verbs":["create","get","list"],"shortNames":["ns"]},
          {"name":"namespaces/finalize","singularName":"","namespaced":false,"kind":"Namespace","verbs":["update"]},
          {"name":"pods","singularName":"","namespaced":true,"kind":"Pod",
           "verbs":["create","delete","get","list","patch","update","watch"],"shortNames":["po"],"categories":["all"]},
          {"name":"pods/eviction","singularName":"","namespaced":true,"group":"policy","version":"v1beta1",
           "kind":"Eviction","verbs":["create"]},
          {"name":"pods/log","singularName":"","namespaced":true,"kind":"Pod","verbs":["get"]},
          {"name":"events","singularName":"","namespaced":true,"kind":"Event","verbs":["list"],"shortNames":["ev"]}
        ]}
        """#

    static func groups(_ groups: [(name: String, versions: [String], preferred: String)]) -> String {
        let items = groups.map { group in
            let versions = group.versions.map { #"{"groupVersion":"\#(group.name)/\#($0)","version":"\#($0)"}"# }
            return #"{"name":"\#(group.name)","versions":[\#(versions.joined(separator: ","))],"#
                + #""preferredVersion":{"version":"\#(group.preferred)"}}"#
        }
        return #"{"kind":"APIGroupList","apiVersion":"v1","groups":[\#(items.joined(separator: ","))]}"#
    }

    /// Kinds and their plurals, all namespaced.
    static func version(_ groupVersion: String, _ kinds: [String: String]) -> String {
        let resources = kinds.sorted { $0.key < $1.key }.map { kind, plural in
            #"{"name":"\#(plural)","singularName":"\#(kind.lowercased())","namespaced":true,"kind":"\#(kind)","#
                + #""verbs":["get","list"]}"#
        }
        return #"{"kind":"APIResourceList","groupVersion":"\#(groupVersion)","#
            + #""resources":[\#(resources.joined(separator: ","))]}"#
    }

    static let aggregatedCore = #"""
        {"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[
          {"metadata":{"creationTimestamp":null},"versions":[{"version":"v1","freshness":"Current","resources":[
            {"resource":"pods","responseKind":{"group":"","version":"v1","kind":"Pod"},"scope":"Namespaced",
             "singularResource":"pod","verbs":["get","list","watch"],"shortNames":["po"],"categories":["all"],
             "subresources":[
               {"subresource":"eviction","responseKind":{"group":"policy","version":"v1","kind":"Eviction"},
                "verbs":["create"]},
               {"subresource":"log","responseKind":{"group":"","version":"","kind":"Pod"},"verbs":["get"]}]},
            {"resource":"namespaces","responseKind":{"group":"","version":"v1","kind":"Namespace"},"scope":"Cluster",
             "singularResource":"namespace","verbs":["get"],"shortNames":["ns"]}
          ]}]}]}
        """#

    static let aggregatedGroups = #"""
        {"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[
          {"metadata":{"name":"apps"},"versions":[
            {"version":"v1","freshness":"Current","resources":[
              {"resource":"deployments","responseKind":{"group":"apps","version":"v1","kind":"Deployment"},
               "scope":"Namespaced","singularResource":"deployment","verbs":["get"],"shortNames":["deploy"],
               "subresources":[{"subresource":"scale",
                 "responseKind":{"group":"autoscaling","version":"v1","kind":"Scale"},"verbs":["get","patch"]}]},
              {"resource":"rollbacks","responseKind":null,"scope":"Namespaced","singularResource":"","verbs":[],
               "subresources":[{"subresource":"status","responseKind":null,"verbs":["get"]}]},
              {"scope":"Namespaced"}]},
            {"version":"v1beta1","freshness":"Current","resources":[]}]},
          {"metadata":{"name":"metrics.k8s.io"},"versions":[{"version":"v1beta1","freshness":"Stale"}]},
          {"metadata":{"name":"of.the.future"},"versions":[{"version":"v1","aNewField":[1]}],"another":true}
        ]}
        """#
}
