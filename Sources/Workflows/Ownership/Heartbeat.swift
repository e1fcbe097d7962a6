internal import JSON

/// What one replica tells the others of itself.
public struct Heartbeat: Sendable, Hashable {
    /// How often the counter is raised.
    public static let interval: Duration = .seconds(3)
    /// Without a confirmed heartbeat for so long, a replica begins no effects.
    public static let gateLimit: Duration = .seconds(8)
    /// Without a change of its counter for so long, a replica's processes are taken over.
    public static let takeoverDelay: Duration = .seconds(12)
    /// How long documents of dead replicas stay.
    static let timeToLive: Duration = .seconds(300)

    /// Of which replica.
    public var replica: String
    /// Tells two programs apart that have the same name, one after the other or by mistake at once.
    public var incarnation: String
    /// Raised with each beat.
    public var counter: Int
    /// How many more processes it could run at once.
    public var freeSlots: Int
    /// Whether it takes nothing new, because it is about to stop.
    public var isLeaving: Bool
    /// Whether it has stopped: nothing of it has effects any more.
    public var hasLeft: Bool

    /// A heartbeat as it is told.
    public init(
        replica: String,
        incarnation: String,
        counter: Int,
        freeSlots: Int,
        isLeaving: Bool = false,
        hasLeft: Bool = false
    ) {
        self.replica = replica
        self.incarnation = incarnation
        self.counter = counter
        self.freeSlots = freeSlots
        self.isLeaving = isLeaving
        self.hasLeft = hasLeft
    }

    /// What a document says; nil when it is no heartbeat.
    init?(_ document: StoredDocument) {
        guard let json = try? JSONValue(parsing: document.bytes), let replica = json["replica"]?.string,
            let counter = json["counter"]?.int
        else { return nil }
        self.init(
            replica: replica,
            incarnation: json["incarnation"]?.string ?? "",
            counter: Int(counter),
            freeSlots: json["freeSlots"]?.int.map { Int($0) } ?? 0,
            isLeaving: json["leaving"]?.bool ?? false,
            hasLeft: json["left"]?.bool ?? false
        )
    }

    var document: StoredDocument {
        let json: JSONValue = [
            "replica": .string(replica), "incarnation": .string(incarnation), "counter": .int(Int64(counter)),
            "freeSlots": .int(Int64(freeSlots)), "leaving": .bool(isLeaving),
            "left": .bool(hasLeft),
        ]
        return StoredDocument(json.serialized())
    }
}
