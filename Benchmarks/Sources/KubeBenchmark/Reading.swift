/// What one process measured. CPU times are in seconds.
struct Reading: Codable, Sendable {
    /// How many objects, events, keys or patches.
    var count: Double
    var seconds: Double
    var client: Double
    var apiServer: Double
    var etcd: Double
    /// Of everything else on the machine meanwhile.
    var others: Double
    /// Memory, in megabytes: what is resident before the measurement, and the most that is at any time.
    var before: Double
    var peak: Double
    /// What only a measurement of memory has: see `Probe.memory()`.
    var after = 0.0
    var trimmed = 0.0
    var relisted = 0.0
    var relistPeak = 0.0

    /// The median of each quantity.
    static func median(of readings: [Reading]) -> Reading {
        func middle(_ path: WritableKeyPath<Reading, Double>) -> Double {
            readings.map { $0[keyPath: path] }.sorted()[readings.count / 2]
        }
        var result = readings[0]
        let quantities: [WritableKeyPath<Reading, Double>] = [
            \.count, \.seconds, \.client, \.apiServer, \.etcd, \.others, \.before, \.peak, \.after, \.trimmed,
            \.relisted, \.relistPeak,
        ]
        for path in quantities { result[keyPath: path] = middle(path) }
        return result
    }
}
