internal import JSON

/// Where any replica leaves commands for the one that runs the process.
///
/// Each process has an inbox of its own. A doorbell that all share tells which inboxes have something new, so that a
/// replica reads one small document from time to time and not one for each process. Losing the doorbell loses nothing:
/// an inbox is read as well when its process begins to be run somewhere.
///
/// A command stays until the state of its process names it among those obeyed, so that the death of an owner in between
/// makes it neither lost nor obeyed twice.
public struct CommandInbox: Sendable {
    /// How long a command waits for somebody to run its process.
    static let timeToLive: Duration = .seconds(7 * 86400)
    /// How many rings the doorbell remembers. Who has missed more looks into all inboxes.
    static let rememberedRings = 256
    /// What one inbox may hold. Commands come from people.
    public static let capacity = 64

    private let store: any DocumentStore

    /// The inboxes in a store.
    public init(store: any DocumentStore) { self.store = store }

    /// The inbox holds as many commands as it may.
    public struct Full: Error, Sendable, CustomStringConvertible {
        /// Of which process.
        public let processID: String

        /// What is wrong, and what would help.
        public var description: String {
            "process \(processID) has \(CommandInbox.capacity) commands waiting; is any operator running?"
        }
    }

    /// Leaves a command. Posting one of the same id again does nothing.
    /// - Throws: `Full`, `StoreUnavailable`.
    public func post(_ command: PostedCommand, to processID: String) async throws {
        try await change(.inbox(processID: processID)) { commands in
            guard !commands.contains(where: { $0["id"]?.string == command.id }) else { return }
            guard commands.count < Self.capacity else { throw Full(processID: processID) }
            commands.append(command.json())
        }
        try await change(.doorbell) { rings in
            let id = String(UInt64.random(in: .min ... .max), radix: 16)
            rings.append(["id": .string(id), "process": .string(processID)])
            if rings.count > Self.rememberedRings { rings.removeFirst() }
        }
    }

    /// What waits for a process, in the order in which it was posted.
    /// - Throws: `StoreUnavailable`.
    public func commands(for processID: String) async throws -> [PostedCommand] {
        try await list(.inbox(processID: processID)).entries.compactMap { PostedCommand(json: $0) }
    }

    /// Removes what has been obeyed, or cannot be read.
    /// - Throws: `StoreUnavailable`.
    public func remove(_ ids: Set<String>, from processID: String) async throws {
        try await change(.inbox(processID: processID)) { commands in
            commands.removeAll { command in
                guard let posted = PostedCommand(json: command) else { return true }
                return ids.contains(posted.id)
            }
        }
    }

    /// Which inboxes have something new.
    public enum News: Sendable, Hashable {
        /// Of these processes.
        case of([String])
        /// More has happened than the doorbell remembers.
        case ofAny
    }

    /// What has rung since `last`, which becomes the id of the latest ring. Nil when nothing has.
    ///
    /// At the first look everything that is remembered is new. Ids and not numbers, because a store that falls back would
    /// give a number twice.
    /// - Throws: `StoreUnavailable`.
    public func news(since last: inout String?) async throws -> News? {
        let rings = try await list(.doorbell).entries
        guard let newest = rings.last?["id"]?.string, newest != last else { return nil }
        defer { last = newest }
        guard let last else { return .of(Self.processes(rings[...])) }
        // What was seen last is not there any more: too much has rung, or the doorbell was lost.
        guard let seen = rings.lastIndex(where: { $0["id"]?.string == last }) else { return .ofAny }
        return .of(Self.processes(rings[(seen + 1)...]))
    }

    private static func processes(_ rings: ArraySlice<JSONValue>) -> [String] {
        rings.compactMap { $0["process"]?.string }
    }

    private func list(_ key: DocumentKey) async throws -> (entries: [JSONValue], digest: String?) {
        guard let stored = try await store.load(key) else { return ([], nil) }
        return ((try? JSONValue(parsing: stored.bytes))?.array ?? [], stored.digest)
    }

    private func change(_ key: DocumentKey, _ change: (inout [JSONValue]) throws -> Void) async throws {
        while true {
            let (before, digest) = try await list(key)
            var entries = before
            try change(&entries)
            guard entries != before else { return }
            let document = StoredDocument(JSONValue.array(entries).serialized())
            let result =
                if let digest {
                    try await store.commit(key, document, replacing: digest, timeToLive: Self.timeToLive)
                } else {
                    try await store.create(key, document, timeToLive: Self.timeToLive)
                }
            if result == .committed { return }
        }
    }
}
