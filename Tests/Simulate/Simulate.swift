import Glibc
import Simulation
import Workflows

/// Runs seeds of the simulation.
///
///     Simulate [--seeds n] [--seed first] [--fault name] [--coverage] [--trace]
///
/// Without a first seed, seeds begin with the time of day. Ends with 1 when an invariant was broken, and shows the end
/// of the trace; `--trace` shows the whole.
@main struct Simulate {
    private var seeds = 1
    private var first = UInt64(UInt32(truncatingIfNeeded: time(nil))) << 20
    private var fault: PlantedFault?
    private var showsCoverage = false
    private var showsTrace = false

    static func main() {
        guard let program = Simulate(Array(CommandLine.arguments.dropFirst())) else {
            print("usage: Simulate [--seeds n] [--seed first] [--fault name] [--coverage] [--trace]")
            print("faults: \(PlantedFault.allCases.map(\.rawValue).joined(separator: " "))")
            exit(2)
        }
        exit(program.run() ? 0 : 1)
    }

    private init?(_ arguments: [String]) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            switch name {
            case "--coverage": showsCoverage = true
            case "--trace": showsTrace = true
            case "--seeds":
                guard let value = rest.popFirst().flatMap({ Int($0) }), value > 0 else { return nil }
                seeds = value
            case "--seed":
                guard let value = rest.popFirst().flatMap({ UInt64($0) }) else { return nil }
                first = value
            case "--fault":
                guard let value = rest.popFirst().flatMap({ PlantedFault(rawValue: $0) }) else { return nil }
                fault = value
            default: return nil
            }
        }
    }

    private func run() -> Bool {
        let start = ContinuousClock.now
        var coverage: [String: Int] = [:]
        var failures = 0
        for seed in first..<(first + UInt64(seeds)) {
            let result = Simulation.run(seed: seed, fault: fault, isRecorded: showsTrace)
            for (name, count) in result.coverage { coverage[name, default: 0] += count }
            if showsTrace { for line in result.trace { print(line) } }
            if seeds == 1 { print("seed \(seed): digest \(String(result.digest, radix: 16))") }
            guard let violation = result.violation else { continue }
            failures += 1
            report(seed, violation, result.digest)
            if failures == 10 {
                print("10 seeds have failed; that is enough")
                break
            }
        }
        let duration = ContinuousClock.now - start
        let rate =
            Double(seeds) / (Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18)
        if failures == 0 {
            print("\(seeds) seeds from \(first): all invariants held, \(Int(rate * 60)) seeds per minute")
        }
        if showsCoverage {
            for (name, count) in coverage.sorted(by: { $0.key < $1.key }) { print("\(name)\t\(count)") }
        }
        return failures == 0
    }

    private func report(_ seed: UInt64, _ violation: String, _ digest: UInt64) {
        print("seed \(seed) FAILED: \(violation)")
        guard !showsTrace else { return }
        let replay = Simulation.run(seed: seed, fault: fault, isRecorded: true)
        if replay.digest != digest { print("the replay went another way: digest \(replay.digest), not \(digest)") }
        for line in replay.trace.suffix(40) { print("    \(line)") }
    }
}
