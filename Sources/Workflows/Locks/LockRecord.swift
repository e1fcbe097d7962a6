internal import JSON

/// Who has a share in a lock and who waits for one: the content of the lock's document.
struct LockRecord: Described, Hashable {
    var holders: [LockShare] = []
    /// Who asked first is first.
    var waiting: [LockShare] = []

    init() {}

    static let about = "Who holds a lock, and who waits for it."
    static let fields: [Field<LockRecord>] = [
        Field("holders", \.holders, "Who holds it."),
        Field("waiting", \.waiting, "Who waits, in turn."),
    ]

    /// Gives a share to whoever asks, if there is one left and everybody who asked before has one too; otherwise it
    /// waits in line.
    /// - Returns: whether the share is held now.
    mutating func ask(_ share: LockShare, limit: Int) -> Bool {
        if holders.contains(share) { return true }
        let place = waiting.firstIndex(of: share) ?? waiting.count
        guard holders.count + place < limit else {
            if place == waiting.count { waiting.append(share) }
            return false
        }
        waiting.removeAll { $0 == share }
        holders.append(share)
        return true
    }

    mutating func drop(_ share: LockShare) {
        holders.removeAll { $0 == share }
        waiting.removeAll { $0 == share }
    }
}

/// One share in a lock: of a process, of one of its steps, or of an element of a step's list.
struct LockShare: Described, Hashable {
    var process = ""
    var step = ""
    var item: Int?
    var number: String?

    init() {}

    init(_ processID: String, _ claim: LockClaim) {
        process = processID
        step = claim.step
        item = claim.item
        number = claim.number
    }

    static let about = "A share in a lock."
    static let fields: [Field<LockShare>] = [
        Field("process", \.process, "The process.", isRequired: true),
        Field("step", \.step, "Its step; empty for the process."),
        Field("item", \.item, "The element of the step's list."),
        Field("number", \.number, "Which of its claims."),
    ]
}
