import Foundation

/// Random numbers that are the same for the same seed, so that what a random test found can be found again (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension SeededGenerator {
    /// What random tests begin with. The environment variable `TEST_SEED` takes the place of them all, so that a failure
    /// can be had again.
    static func seeds(or usual: some Sequence<UInt64>) -> [UInt64] {
        if let given = ProcessInfo.processInfo.environment["TEST_SEED"].flatMap({ UInt64($0) }) { return [given] }
        return Array(usual)
    }

    /// So many other seeds each time.
    static func randomSeeds(_ count: Int) -> [UInt64] { seeds(or: (0..<count).map { _ in .random(in: .min ... .max) }) }
}
