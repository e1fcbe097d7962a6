import Glibc
import HTTPTransport
import JSON
import KubeClient
import Logging
import Synchronization
import TestEnvironment
import Testing

@testable import KubeRuntime

@Suite(.timeLimit(.minutes(4))) struct LeaseGateTests {
    private static let configMaps = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")

    /// A gate that was renewed at 0 and whose time stands still.
    private func gate(at now: Duration) throws -> LeaseGate {
        let key = ObjectKey(namespace: "gis", name: "honua")
        let timing = try ElectionTiming(
            leaseDuration: .seconds(15),
            renewDeadline: .milliseconds(14_990),
            retryPeriod: .seconds(2)
        )
        return LeaseGate(key, Election.Term(lease: Lease(key), renewed: .zero, epoch: 7), timing: timing) { now }
    }

    /// A client of a server that takes connections and never answers.
    private func withSilentServer(_ body: (KubeClient) async throws -> Void) async throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> in_port_t? in
                guard bind(listener, address, length) == 0, listen(listener, 8) == 0,
                    getsockname(listener, address, &length) == 0
                else { return nil }
                return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_port.bigEndian }
            }
        }
        var configuration = ClusterConfiguration(server: "http://127.0.0.1:\(try #require(port))")
        configuration.namespace = "gis"
        let client = try KubeClient(configuration, logger: Logger(label: "test"))
        defer { client.shutdown() }
        try await body(client)
    }

    @Test func `a write takes no longer than what is left of the lease`() async throws {
        let gate = try gate(at: .milliseconds(14_800))
        #expect(gate.timeLeft == .milliseconds(200))
        try await withSilentServer { client in
            let objects = client.guarded(by: gate).resources(Self.configMaps, namespace: "gis")
            let failure = await #expect(throws: KubeError.self) { () async throws in
                _ = try await objects.patch("one", .merge([:]))
            }
            #expect(failure?.code == .transport(.timedOut))
        }
    }

    @Test func `behind a shut gate a write fails before anything is sent, and a read goes through`() async throws {
        let gate = try gate(at: .milliseconds(14_990))
        let client = try await ControlPlane.shared.client()
        defer { client.shutdown() }
        let objects = client.guarded(by: gate).resources(Self.configMaps, namespace: "default")
        _ = try await objects.list()
        let refusal = await #expect(throws: LeaseGate.Shut.self) { () async throws in
            try await objects.delete("one")
        }
        #expect(refusal?.description.contains("delete configmaps \"one\" in namespace \"default\"") == true)
    }
}
