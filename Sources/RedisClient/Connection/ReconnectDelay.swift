/// How long to wait before the next attempt to connect: doubling, capped, and spread at random so that many clients of
/// one restarted server do not come at once.
///
/// | Attempt | 1 | 2 | 3 | … | 8 and on |
/// |-|-|-|-|-|-|
/// | Wait, ms | 25-50 | 50-100 | 100-200 | … | 2500-5000 |
struct ReconnectDelay {
    static let first: Duration = .milliseconds(50)
    static let cap: Duration = .seconds(5)

    private var failures = 0
    private let cap: Duration

    init(cap: Duration = Self.cap) {
        self.cap = cap
    }

    mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        let longest = min(cap, Self.first * (1 << min(failures, 16)))
        failures += 1
        return longest * Double.random(in: 0.5...1, using: &generator)
    }

    mutating func reset() {
        failures = 0
    }
}
