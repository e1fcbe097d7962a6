import JSON
import Workflows

/// The store that all programs share, and what goes wrong with it.
///
/// Documents behave as in `InMemoryDocumentStore`; besides, it remembers what it has replaced, so that it can lose what
/// it has acknowledged.
final class Database {
    struct Entry {
        let document: StoredDocument
        var expiresAt: Duration
        /// What a state document says; nil for others, and for one that cannot be read.
        var state: ProcessState?
    }

    private struct Change {
        let time: Duration
        let key: DocumentKey
        let former: Entry?
    }

    private unowned let world: World
    private var entries: [DocumentKey: Entry] = [:]
    private var changes: [Change] = []
    private var ruined: [String: [UInt8]] = [:]
    private var exported: [DocumentKey: Entry]?
    /// Requests that were sent to an earlier one are lost.
    private(set) var generation = 0
    private(set) var unavailableUntil: Duration = .zero
    /// Ids of the processes whose state documents there have been.
    private(set) var processIDs: [String] = []
    /// Whether acknowledged writes have been lost: what rests on locks alone is not promised after that.
    private(set) var hasLostData = false

    init(world: World) { self.world = world }

    var isAvailable: Bool { unavailableUntil <= world.now }
    var isEmptied: Bool { exported != nil }

    // MARK: What is stored

    func entry(_ key: DocumentKey) -> Entry? {
        guard let entry = entries[key], entry.expiresAt > world.now else { return nil }
        return entry
    }

    func state(_ processID: String) -> ProcessState? { entry(.state(processID: processID))?.state }

    /// What the documents of locks say.
    var locks: [String] {
        entries.compactMap { key, entry in
            guard case .lock(let name) = key else { return nil }
            return "lock \(name): \(String(decoding: entry.document.bytes, as: UTF8.self))"
        }.sorted()
    }

    private func put(_ key: DocumentKey, _ entry: Entry?) {
        changes.append(Change(time: world.now, key: key, former: entries[key]))
        entries[key] = entry
        if case .state(let id) = key, !processIDs.contains(id) { processIDs.append(id) }
    }

    private func entry(_ key: DocumentKey, _ document: StoredDocument, _ timeToLive: Duration) -> Entry {
        var entry = Entry(document: document, expiresAt: world.now + timeToLive)
        if case .state = key {
            entry.state = (try? JSONValue(parsing: document.bytes)).flatMap { try? ProcessState(json: $0) }
        }
        return entry
    }

    // MARK: Requests

    func create(
        _ key: DocumentKey,
        _ document: StoredDocument,
        _ timeToLive: Duration,
        by program: OperatorProgram
    ) -> CommitResult {
        guard entry(key) == nil else { return .conflict }
        let new = entry(key, document, timeToLive)
        if case .state(let id) = key { world.checks.created(id, new.state, by: program) }
        put(key, new)
        return .committed
    }

    func commit(
        _ key: DocumentKey,
        _ document: StoredDocument,
        replacing previous: String,
        _ timeToLive: Duration,
        by program: OperatorProgram
    ) -> CommitResult {
        guard let stored = entry(key) else { return .missing }
        guard stored.document.digest == previous else {
            if case .state = key { world.cover("store.conflict") }
            return .conflict
        }
        let new = entry(key, document, timeToLive)
        if case .state(let id) = key { world.checks.committed(id, stored.state, new.state, by: program) }
        put(key, new)
        return .committed
    }

    func renew(_ keys: [DocumentKey], _ timeToLive: Duration) {
        for key in keys {
            guard var entry = entry(key) else { continue }
            entry.expiresAt = world.now + timeToLive
            entries[key] = entry
        }
    }

    func delete(_ keys: [DocumentKey]) {
        for key in keys where entries[key] != nil { put(key, nil) }
    }

    // MARK: Faults

    func beUnavailable(for duration: Duration) {
        unavailableUntil = max(unavailableUntil, world.now + duration)
        world.trouble(until: unavailableUntil + .seconds(3))
    }

    func answerAgain() { unavailableUntil = world.now }

    /// A failover: what was acknowledged after that moment is lost.
    func rollBack(to moment: Duration) {
        generation += 1
        hasLostData = true
        var touched: Set<String> = []
        while let change = changes.last, change.time > moment {
            changes.removeLast()
            entries[change.key] = change.former
            if case .state(let id) = change.key { touched.insert(id) }
        }
        for id in touched.sorted() { world.checks.rolledBack(id, state(id)) }
        world.trouble()
    }

    /// Everything is gone; the states have been exported.
    func empty() {
        generation += 1
        hasLostData = true
        changes = []
        exported = entries.filter { key, _ in
            switch key {
            case .state, .part: true
            case .lock, .memo, .heartbeat, .replicas, .inbox, .doorbell: false
            }
        }
        entries = [:]
        world.trouble()
    }

    /// Imports what was exported, unless there is something newer.
    func reimport() {
        for (key, entry) in exported ?? [:] where self.entry(key) == nil { entries[key] = entry }
        exported = nil
        world.trouble()
    }

    /// Somebody ruins a document by hand, and remembers what it was.
    func ruin(_ processID: String, dropping count: Int) {
        guard let stored = entry(.state(processID: processID)), stored.state != nil else { return }
        ruined[processID] = stored.document.bytes
        edit(processID, Array(stored.document.bytes.dropLast(count)))
    }

    /// Puts back what was ruined, unless something new is there.
    func mend(_ processID: String) {
        guard let entry = entry(.state(processID: processID)), entry.state == nil,
            let good = ruined[processID]
        else { return }
        world.note("\(processID) is mended by hand")
        edit(processID, good)
    }

    var ruinedIDs: [String] { ruined.keys.sorted() }

    /// Somebody writes a document by hand.
    func edit(_ processID: String, _ bytes: [UInt8]) {
        let key = DocumentKey.state(processID: processID)
        guard let stored = entry(key) else { return }
        var new = entry(key, StoredDocument(bytes), .seconds(7 * 86400))
        new.expiresAt = stored.expiresAt
        world.checks.edited(processID, new.state)
        put(key, new)
        world.trouble()
    }
}
