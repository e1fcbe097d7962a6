public import JSON
public import RedisClient
internal import Workflows

/// Looks for what is wrong with the state in Redis, or with an archive. Changes nothing.
public enum StateVerification {
    /// Something that was found.
    public struct Finding: Sendable, Hashable, CustomStringConvertible {
        /// Whether it has to be mended; otherwise it is only worth knowing.
        public let isFault: Bool
        /// Where; the name of the file for an archive as a whole.
        public let key: String
        /// What.
        public let message: String

        /// `fault honua:process:6f1c: …`
        public var description: String { "\(isFault ? "fault" : "note") \(key): \(message)" }
    }

    /// What was looked at, and what was found.
    public struct Report: Sendable, Hashable {
        /// How many keys of each kind there are.
        public var counts: [RedisKeyspace.Kind: Int] = [:]
        /// In the order in which they were found.
        public var findings: [Finding] = []

        /// Whether anything has to be mended.
        public var hasFaults: Bool { findings.contains(where: \.isFault) }

        /// `{"counts": {"state": 3, …}, "findings": [{"severity": "fault", "key": …, "message": …}]}`
        public var json: JSONValue {
            let counts = RedisKeyspace.Kind.allCases.map { ($0.rawValue, JSONValue.int(Int64(self.counts[$0] ?? 0))) }
            let findings = self.findings.map { finding -> JSONValue in
                [
                    "severity": .string(finding.isFault ? "fault" : "note"), "key": .string(finding.key),
                    "message": .string(finding.message),
                ]
            }
            return ["counts": .object(Dictionary(uniqueKeysWithValues: counts)), "findings": .array(findings)]
        }

        fileprivate mutating func fault(_ key: String, _ message: String) {
            findings.append(Finding(isFault: true, key: key, message: message))
        }

        fileprivate mutating func note(_ key: String, _ message: String) {
            findings.append(Finding(isFault: false, key: key, message: message))
        }
    }

    /// Checks an archive without a server: whether it is whole and unaltered, and whether it holds what its states
    /// refer to.
    public static func archive(_ path: String) -> Report {
        var report = Report()
        do throws(ArchiveError) {
            let contents = try ArchiveReader(path: path).check()
            report.counts = contents.counts
            for sentence in contents.missingParts { report.fault(path, sentence) }
        } catch {
            report.fault(path, error.description)
        }
        return report
    }

    /// Checks every key of an installation: states can be used and are whole, parts are what their names say, and
    /// nothing is without a time to live.
    /// - Throws: `RedisError` when the server cannot be asked.
    public static func server(_ client: RedisClient, _ keyspace: RedisKeyspace) async throws -> Report {
        var report = Report()
        var wanted: Set<String> = []
        // Parts first: one that is stored after this was not there to be an orphan, and its state comes later.
        var parts: Set<String> = []
        try await client.forEachKey(matching: keyspace.pattern(.part)) { key in
            guard let part = keyspace.part(named: key) else { return }
            guard let image = try await look(at: key, .part, "string", client, &report) else { return }
            parts.insert(key)
            if let value = image.value, PartContent.digest(of: value) != part.digest {
                report.fault(key, "was changed: its content does not have the digest that it is named after")
            }
        }
        try await client.forEachKey(matching: keyspace.pattern(.state)) { key in
            guard let id = keyspace.processID(ofState: key),
                let image = try await look(at: key, .state, "string", client, &report), let value = image.value
            else { return }
            do {
                wanted.formUnion(try await references(of: key, id, value, client, keyspace))
            } catch let error as InvalidState {
                report.fault(key, "\(error)")
                // Whoever repairs it may need them.
                wanted.formUnion(parts.filter { keyspace.part(named: $0)?.processID == id })
            }
        }
        try await client.forEachKey(matching: keyspace.pattern(.memo)) { key in
            guard keyspace.kind(of: key) == .memo else { return }
            _ = try await look(at: key, .memo, "string", client, &report)
        }
        _ = try await look(at: keyspace.history, .history, "zset", client, &report)
        for key in parts.subtracting(wanted).sorted() {
            report.note(key, "no state of this installation refers to it; it ends with its time to live")
        }
        return report
    }

    /// The keys of the parts of a state. One that is replaced or removed while it is being read has no fault for that.
    private static func references(
        of key: String,
        _ processID: String,
        _ value: [UInt8],
        _ client: RedisClient,
        _ keyspace: RedisKeyspace
    ) async throws -> [String] {
        var value = value
        while true {
            do {
                let state = try await StateDocument.read(value, processID: processID, from: client, keyspace)
                return state.parts.map { keyspace.name(of: .part(processID: processID, digest: $0)) }
            } catch let error as InvalidState {
                guard let now = try await client.image(of: key)?.value else { return [] }
                guard now != value else { throw error }
                value = now
            }
        }
    }

    /// Counts a key, and checks what holds for each. Nil for one that has gone meanwhile.
    private static func look(
        at key: String,
        _ kind: RedisKeyspace.Kind,
        _ type: String,
        _ client: RedisClient,
        _ report: inout Report
    ) async throws -> KeyImage? {
        guard let image = try await client.image(of: key) else { return nil }
        report.counts[kind, default: 0] += 1
        if image.type != type { report.fault(key, "holds a \(image.type), expected a \(type)") }
        if image.timeToLive < 0 { report.fault(key, "has no time to live") }
        return image
    }
}
