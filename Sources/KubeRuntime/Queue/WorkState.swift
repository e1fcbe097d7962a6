/// What a work queue knows of its keys: which are wanted, when, how urgently, and which are being worked on.
///
/// Pure: time comes in as instants, nothing waits here, and what changed comes back for the caller to act on. The rules
/// are those of client-go's `dirty` and `processing` sets (`util/workqueue/queue.go`), with a delay as one more way of
/// being wanted. Keys in use have a slot, so that each operation looks its key up once.
struct WorkState<Key: Hashable, Instant: InstantProtocol> where Instant.Duration == Duration {
    /// In which way a key is wanted.
    private enum Want {
        /// Not at all; perhaps it is being worked on.
        case nothing
        /// Waits for a worker since then. Goes to `nothing` when it is handed out.
        case ready(since: Instant)
        /// Wanted again since then, while it is being worked on. Goes to `ready` when that work is done.
        case again(since: Instant)
        /// Its time has not come. Goes to `ready` or `again` when it has, or before, by an event.
        case delayed
        /// The same after a failure: events do not shorten it.
        case backingOff
    }

    private struct Slot {
        let key: Key
        let group: String
        var want = Want.nothing
        /// Of what is wanted.
        var priority = Priority.normal
        /// The work in progress: its priority, and when it began.
        var work: (priority: Priority, since: Instant)?
        var failures = 0
    }

    /// What an operation led to.
    struct Effect {
        /// Keys that were not wanted now and are now.
        var added = 0
        /// Keys that now wait for a worker.
        var ready = 0
    }

    private let group: @Sendable (Key) -> String
    private var numbers: [Key: Int] = [:]
    private var slots: [Slot] = []
    private var unused: [Int] = []
    private var order = ReadyOrder()
    private var delays = SlotHeap<Instant>()
    private var delayPositions: [Int] = []
    /// In the order in which work on them began.
    private var inProgress = SlotList()
    /// How many keys are being worked on.
    private(set) var workCount = 0
    private(set) var isShutDown = false

    init(group: @escaping @Sendable (Key) -> String) { self.group = group }

    /// How many keys wait for a worker.
    var readyCount: Int { order.count }
    /// When the next delay ends.
    var nextDelay: Instant? { delays.first?.rank }

    func priority(ofWorkOn key: Key) -> Priority? { numbers[key].flatMap { slots[$0].work?.priority } }

    func failures(of key: Key) -> Int { numbers[key].map { slots[$0].failures } ?? 0 }

    /// A key is wanted, now unless it backs off.
    mutating func add(_ key: Key, _ priority: Priority, at now: Instant) -> Effect {
        var effect = Effect()
        guard !isShutDown else { return effect }
        let slot = slot(for: key)
        if case .delayed = slots[slot].want {
            delays.remove(slot, &delayPositions)
            raise(slot, to: priority)
            want(slot, at: now, &effect)
        } else if case .nothing = slots[slot].want {
            slots[slot].priority = priority
            want(slot, at: now, &effect)
        } else {
            raise(slot, to: priority)
        }
        return effect
    }

    /// A key is wanted at a later time, unless it is wanted earlier anyway.
    /// - Parameter priority: nil for that of the work in progress, so that a requeue keeps it.
    mutating func add(_ key: Key, _ priority: Priority?, at time: Instant) {
        guard !isShutDown else { return }
        let slot = slot(for: key)
        let priority = priority ?? slots[slot].work?.priority
        switch slots[slot].want {
        case .nothing:
            slots[slot].want = .delayed
            slots[slot].priority = priority ?? .normal
            delays.insert(slot, time, &delayPositions)
        case .delayed:
            if time < delays.rank(of: slot, delayPositions) { delays.update(slot, time, &delayPositions) }
            if let priority { raise(slot, to: priority) }
        case .ready, .again, .backingOff:
            if let priority { raise(slot, to: priority) }
        }
    }

    /// Work on a key failed: it is wanted after a delay that nothing shortens. What was asked for meanwhile waits with it.
    /// - Parameter delay: for that many failures in a row, this one not counted.
    mutating func addAfterFailure(_ key: Key, at now: Instant, delay: (Int) -> Duration) {
        guard !isShutDown else { return }
        let slot = slot(for: key)
        slots[slot].failures += 1
        let time = now.advanced(by: delay(slots[slot].failures - 1))
        let priority = slots[slot].work?.priority
        switch slots[slot].want {
        case .nothing:
            slots[slot].priority = priority ?? .normal
            delays.insert(slot, time, &delayPositions)
        case .again:
            if let priority { raise(slot, to: priority) }
            delays.insert(slot, time, &delayPositions)
        case .delayed:
            if let priority { raise(slot, to: priority) }
            delays.update(slot, time, &delayPositions)
        case .ready, .backingOff:
            // Not what a worker does, which reports once per piece of work: what is planned already stays.
            return
        }
        slots[slot].want = .backingOff
    }

    /// A key did well. If it backs off, for whatever reason, events may shorten that from now on.
    mutating func forget(_ key: Key) {
        guard let slot = numbers[key] else { return }
        slots[slot].failures = 0
        if case .backingOff = slots[slot].want { slots[slot].want = .delayed }
        discardIfUnused(slot)
    }

    /// Takes the key that comes next, to be worked on.
    /// - Returns: nil when none is ready.
    mutating func take(at now: Instant) -> (key: Key, waited: Duration)? {
        guard let slot = order.take() else { return nil }
        var waited = Duration.zero
        if case .ready(let since) = slots[slot].want { waited = since.duration(to: now) }
        slots[slot].want = .nothing
        slots[slot].work = (slots[slot].priority, now)
        inProgress.append(slot)
        workCount += 1
        return (slots[slot].key, waited)
    }

    /// The work on a key has ended.
    /// - Returns: how long it took, nil when no work on it was in progress; and what followed.
    mutating func done(_ key: Key, at now: Instant) -> (worked: Duration?, effect: Effect) {
        var effect = Effect()
        guard let slot = numbers[key], let work = slots[slot].work else { return (nil, effect) }
        slots[slot].work = nil
        inProgress.remove(slot)
        workCount -= 1
        if case .again(let since) = slots[slot].want { makeReady(slot, since: since, &effect) }
        discardIfUnused(slot)
        return (work.since.duration(to: now), effect)
    }

    /// Makes the keys ready whose time has come.
    mutating func releaseDue(at now: Instant) -> Effect {
        var effect = Effect()
        while let (time, slot) = delays.first, time <= now {
            delays.remove(slot, &delayPositions)
            want(slot, at: time, &effect)
        }
        return effect
    }

    /// Drops everything that waits, and takes no more. Work in progress goes on.
    /// - Returns: how many ready keys were dropped.
    mutating func shutDown() -> Int {
        let dropped = order.count
        isShutDown = true
        order = ReadyOrder()
        delays = SlotHeap()
        for slot in numbers.values {
            slots[slot].want = .nothing
            discardIfUnused(slot)
        }
        return dropped
    }

    /// How long the work in progress has taken so far: of all keys together, and of the one that takes longest.
    func unfinishedWork(at now: Instant) -> (total: Duration, longest: Duration) {
        let durations = inProgress.compactMap { slots[$0].work?.since.duration(to: now) }
        return (durations.reduce(.zero, +), durations.first ?? .zero)
    }

    private mutating func want(_ slot: Int, at time: Instant, _ effect: inout Effect) {
        effect.added += 1
        if slots[slot].work == nil {
            makeReady(slot, since: time, &effect)
        } else {
            slots[slot].want = .again(since: time)
        }
    }

    private mutating func makeReady(_ slot: Int, since time: Instant, _ effect: inout Effect) {
        slots[slot].want = .ready(since: time)
        order.insert(slot, slots[slot].priority, group: slots[slot].group)
        effect.ready += 1
    }

    private mutating func raise(_ slot: Int, to priority: Priority) {
        guard slots[slot].priority < priority else { return }
        slots[slot].priority = priority
        if case .ready = slots[slot].want { order.raise(slot, to: priority) }
    }

    private mutating func slot(for key: Key) -> Int {
        if let slot = numbers[key] { return slot }
        let new = Slot(key: key, group: group(key))
        let number: Int
        if let free = unused.popLast() {
            number = free
            slots[number] = new
        } else {
            number = slots.count
            slots.append(new)
        }
        numbers[key] = number
        return number
    }

    private mutating func discardIfUnused(_ slot: Int) {
        guard case .nothing = slots[slot].want, slots[slot].work == nil, slots[slot].failures == 0 else { return }
        numbers[slots[slot].key] = nil
        unused.append(slot)
    }
}
