public import JSON

/// Remembers processes that have ended, longer than their states are kept: what somebody looks at who asks what has been
/// run here.
///
/// A convenience, not the truth: an entry may be missing, after a crash say, and nothing depends on one.
public protocol ProcessHistory: Sendable {
    /// Adds an entry, and forgets what is older than the history reaches back.
    /// - Throws: `StoreUnavailable`.
    func record(_ entry: HistoryEntry) async throws

    /// The entries that a query asks for, the latest first.
    /// - Throws: `StoreUnavailable`.
    func entries(_ query: HistoryQuery) async throws -> [HistoryEntry]

    /// Forgets all runs of a process.
    /// - Throws: `StoreUnavailable`.
    func remove(processID: String) async throws
}

/// How far histories reach back.
public enum HistoryRetention {
    /// As long as finished resources are usually kept.
    public static let `default`: Duration = .seconds(30 * 86400)
    /// However long: so many entries measure some 40 MB.
    package static let maximumEntries = 100_000
}

/// A run of a process that has ended.
public struct HistoryEntry: Described, Hashable {
    public var processId = ""
    public var name = ""
    public var namespace: String?
    /// The long form.
    public var processType = ""
    public var status = ProcessPhase.completed
    public var user: String?
    public var isDryRun = false
    /// Which run of the process it was, from 0.
    public var rerun = 0
    public var startTime: Timestamp?
    /// To the millisecond; by it entries are in order.
    public var endTime = Timestamp(seconds: 0)
    public var completionPercentage = 0
    /// Why it failed, the first 500 characters.
    public var errorMessage: String?

    /// An empty one.
    public init() {}

    public static let about = "A run of a process that has ended."
    public static let fields: [Field<HistoryEntry>] = [
        Field("processId", \.processId, "Identifies the process.", isRequired: true),
        Field("name", \.name, "Of the resource."),
        Field("namespace", \.namespace, "Of the resource."),
        Field("processType", \.processType, "Long name of the type."),
        Field("status", \.status, "How it ended.", isRequired: true),
        Field("user", \.user, "Who asked for it."),
        Field("dryRun", \.isDryRun, "Whether steps were only planned."),
        Field("rerun", \.rerun, "Which run of the process it was."),
        Field("startTime", \.startTime, "When the run began."),
        Field("endTime", \.endTime, "When it ended.", isRequired: true),
        Field("completionPercentage", \.completionPercentage, "0 to 100."),
        Field("errorMessage", \.errorMessage, "Why it failed."),
    ]

    /// Where the entry is in the order of all.
    public var position: HistoryPosition { HistoryPosition(endTime: endTime, processID: processId) }

    /// What is remembered of a state that has ended.
    init(_ state: ProcessState, endedAt time: Timestamp) {
        processId = state.processId
        name = state.name
        namespace = state.namespace
        processType = state.processType
        status = state.status
        user = state.user
        isDryRun = state.isDryRun
        rerun = state.rerun
        startTime = state.startTime
        endTime = Timestamp(seconds: time.seconds, nanoseconds: time.nanoseconds / 1_000_000 * 1_000_000)
        completionPercentage = state.completionPercentage
        errorMessage = state.errorMessage.map { String($0.prefix(500)) }
    }
}

/// A place in a history, for whoever reads it page by page.
public struct HistoryPosition: Sendable, Hashable, Comparable {
    /// When the run ended.
    public let endTime: Timestamp
    /// Decides between runs that ended in the same millisecond.
    public let processID: String

    /// That of the entry with these values.
    public init(endTime: Timestamp, processID: String) {
        self.endTime = endTime
        self.processID = processID
    }

    public static func < (one: HistoryPosition, other: HistoryPosition) -> Bool {
        guard one.endTime == other.endTime else { return one.endTime < other.endTime }
        return one.processID.utf8.lexicographicallyPrecedes(other.processID.utf8)
    }
}

/// Which entries of a history are wanted.
public struct HistoryQuery: Sendable, Hashable {
    /// How many at most.
    public var limit: Int
    /// Only what comes after this place: the position of the last entry of the page before.
    public var before: HistoryPosition?
    /// Only runs that ended like this; nil for all.
    public var status: ProcessPhase?
    /// Only runs of this type, by its long name; nil for all.
    public var processType: String?

    /// The latest entries.
    public init(limit: Int = 50) { self.limit = limit }

    /// Whether an entry is one of those that are wanted.
    public func includes(_ entry: HistoryEntry) -> Bool {
        if let before, entry.position >= before { return false }
        if let status, entry.status != status { return false }
        if let processType, entry.processType != processType { return false }
        return true
    }
}
