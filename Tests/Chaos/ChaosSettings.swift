/// How much trouble there is, and for how long.
public struct ChaosSettings: Sendable {
    /// How many operators share the work.
    public var replicas = 3
    /// How many processes are applied, evenly over the time of trouble.
    public var processes = 500
    /// How long there is trouble.
    public var trouble: Duration = .seconds(600)
    /// How long a stopped operator stands still.
    public var pause: Duration = .seconds(30)
    /// Whether Redis is emptied in the middle.
    public var empties = false
    /// Decides what goes wrong when.
    public var seed: UInt64 = 1
    /// How long the processes have for coming to an end after trouble has ceased.
    public var patience: Duration = .seconds(300)

    /// Ten minutes.
    public init() {}

    /// What fits between other tests.
    public static var short: ChaosSettings {
        var settings = ChaosSettings()
        settings.processes = 60
        settings.trouble = .seconds(40)
        settings.pause = .seconds(15)
        return settings
    }
}

/// What goes wrong.
public enum Trouble: String, Sendable, CaseIterable {
    /// An operator is killed and started again.
    case kill
    /// An operator stands still for a while.
    case stop
    /// An operator is told to stop, and started again.
    case terminate
    /// Nothing passes between an operator and Redis for a while.
    case cut
    /// Redis is killed and started again.
    case redis
    /// The API server is killed and started again.
    case apiServer
}

/// Random numbers that are the same for the same seed (SplitMix64: Steele, Lea and Flood, 2014).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
