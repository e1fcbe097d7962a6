import Usage

/// The servers whose CPU time is told beside the client's, by process id.
struct Servers: Sendable {
    let apiServer: Int
    let etcd: Int
}

/// Time and CPU time from its making on.
struct Meter: Sendable {
    private let servers: Servers
    private let started = ContinuousClock.now
    private let client = ProcessUsage.ownCPUSeconds
    private let apiServer: Double
    private let etcd: Double
    private let machine: Double
    private let resident: Double

    init(_ servers: Servers) throws {
        self.servers = servers
        apiServer = try ProcessUsage.read(servers.apiServer).cpuSeconds
        etcd = try ProcessUsage.read(servers.etcd).cpuSeconds
        machine = try ProcessUsage.machineCPUSeconds()
        resident = try ProcessUsage.ownResidentMegabytes()
    }

    /// What was used since then.
    func read(count: Int) throws -> Reading {
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        let client = ProcessUsage.ownCPUSeconds - client
        let apiServer = try ProcessUsage.read(servers.apiServer).cpuSeconds - apiServer
        let etcd = try ProcessUsage.read(servers.etcd).cpuSeconds - etcd
        let machine = try ProcessUsage.machineCPUSeconds() - machine
        return Reading(
            count: Double(count),
            seconds: seconds,
            client: client,
            apiServer: apiServer,
            etcd: etcd,
            others: max(0, machine - client - apiServer - etcd),
            before: resident,
            peak: try ProcessUsage.ownPeakMegabytes()
        )
    }
}
