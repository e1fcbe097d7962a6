internal import JSON
public import RedisClient
internal import Workflows

/// Writes the state in Redis to an archive.
///
/// States, their parts, reusable outputs and the history are exported. Heartbeats, the list of replicas and locks are
/// not: they tell who is alive now, and locks are made anew from the claims in the states. Parts that no state refers
/// to are left out as well.
///
/// # Consistency
/// Each state is read whole before anything of it is written, and its parts are written after it: parts are stored
/// before the state that refers to them and never change, so what a state refers to is there when the state is read.
/// States of different processes are of different moments. The memory needed is that of one state and the names of all
/// keys.
public struct StateExport {
    /// What was exported.
    public struct Report: Sendable, Hashable {
        /// How many keys of each kind.
        public var counts: [RedisKeyspace.Kind: Int] = [:]
        /// How many keys went away between being found and being read.
        public var vanished = 0
        /// What a reader of the archive should know, a sentence each.
        public var warnings: [String] = []
    }

    private let client: RedisClient
    private let keyspace: RedisKeyspace

    /// An export of one installation.
    public init(client: RedisClient, keyspace: RedisKeyspace) {
        self.client = client
        self.keyspace = keyspace
    }

    /// Writes an archive; a file appears under its name only when it is complete.
    /// - Parameter path: nil for standard output.
    /// - Throws: `ArchiveError`, `RedisError`. Nothing is left of an archive that could not be finished.
    public func run(to path: String?) async throws -> Report {
        let writer = try ArchiveWriter(path: path)
        var header = ArchiveHeader()
        header.created = Timestamp.now.wholeSeconds
        header.redisVersion = try await redisVersion()
        header.keyPrefix = keyspace.keyPrefix
        header.installation = keyspace.installation
        try writer.write(header)
        var report = Report()
        try await client.forEachKey(matching: keyspace.pattern(.state)) { key in
            guard let id = keyspace.processID(ofState: key) else { return }
            try await exportState(key, id, writer, &report)
        }
        for kind in [RedisKeyspace.Kind.memo, .history] {
            try await client.forEachKey(matching: keyspace.pattern(kind)) { key in
                guard keyspace.kind(of: key) == kind else { return }
                guard let image = try await client.image(of: key) else {
                    report.vanished += 1
                    return
                }
                try write(key, kind, image, writer, &report)
            }
        }
        try writer.finish()
        return report
    }

    private func exportState(
        _ key: String,
        _ processID: String,
        _ writer: ArchiveWriter,
        _ report: inout Report
    ) async throws {
        guard var image = try await client.image(of: key) else {
            report.vanished += 1
            return
        }
        // A state may be replaced, and its parts with it, while it is being read.
        for isLast in [false, false, true] {
            guard let value = image.value else {
                report.warnings.append("\(key) is left out: it holds a \(image.type), and a state is a string")
                return
            }
            do {
                let state = try await StateDocument.read(value, processID: processID, from: client, keyspace)
                try write(key, .state, image, writer, &report) { entry in
                    entry.epoch = state.age.epoch
                    entry.version = state.age.version
                    entry.parts = state.parts
                }
                for digest in state.parts {
                    let name = keyspace.name(of: .part(processID: processID, digest: digest))
                    if let part = try await client.image(of: name) {
                        try write(name, .part, part, writer, &report)
                    } else {
                        report.warnings.append("\(key) refers to \(name), which went away during the export")
                    }
                }
                return
            } catch let error as InvalidState {
                guard let now = try await client.image(of: key) else {
                    report.vanished += 1
                    return
                }
                if now.dump == image.dump || isLast {
                    report.warnings.append("\(key) is exported as it is, with an unusable state: \(error)")
                    try write(key, .state, now, writer, &report)
                    return try await exportAllParts(of: processID, writer, &report)
                }
                image = now
            }
        }
    }

    /// Nobody knows what an unusable state refers to; whoever repairs it needs all there is.
    private func exportAllParts(
        of processID: String,
        _ writer: ArchiveWriter,
        _ report: inout Report
    ) async throws {
        try await client.forEachKey(matching: keyspace.partsPattern(of: processID)) { name in
            guard keyspace.part(named: name)?.processID == processID,
                let image = try await client.image(of: name)
            else { return }
            try write(name, .part, image, writer, &report)
        }
    }

    private func write(
        _ key: String,
        _ kind: RedisKeyspace.Kind,
        _ image: KeyImage,
        _ writer: ArchiveWriter,
        _ report: inout Report,
        _ complete: (inout ArchiveEntry) -> Void = { _ in }
    ) throws {
        var entry = ArchiveEntry()
        entry.key = key
        entry.kind = kind.rawValue
        entry.type = image.type
        entry.dump = image.dump.base64
        entry.timeToLive = image.timeToLive
        entry.time = Timestamp.now.wholeSeconds
        complete(&entry)
        try writer.write(entry)
        report.counts[kind, default: 0] += 1
    }

    private func redisVersion() async throws -> String {
        do throws(RedisError) {
            let lines = try await client.send(["INFO", "server"]).text?.split(whereSeparator: \.isNewline) ?? []
            let line = lines.first { $0.hasPrefix("redis_version:") }
            return line.map { String($0.dropFirst("redis_version:".count)) } ?? "unknown"
        } catch {
            // A user who may not ask can still export.
            guard case .server = error else { throw error }
            return "unknown"
        }
    }
}
