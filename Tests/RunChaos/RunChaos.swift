import Chaos
import Glibc

/// Runs the operators through trouble and judges what became of the processes.
///
///     RunChaos [--seconds n] [--processes n] [--seed n] [--flush]
///
/// Ends with 1 when something was lost or repeated without a trace.
@main struct RunChaos {
    static func main() async throws {
        guard let settings = settings(Array(CommandLine.arguments.dropFirst())) else {
            print("usage: RunChaos [--seconds n] [--processes n] [--seed n] [--flush]")
            exit(2)
        }
        let start = ContinuousClock.now
        print(
            "seed \(settings.seed), \(settings.processes) processes, \(settings.trouble.components.seconds) s of trouble"
        )
        let report = try await Chaos.run(settings) { line in
            print("\((ContinuousClock.now - start).components.seconds) s: \(line)")
            fflush(nil)
        }
        print(report)
        fflush(nil)
        exit(report.violations.isEmpty ? 0 : 1)
    }

    private static func settings(_ arguments: [String]) -> ChaosSettings? {
        var settings = ChaosSettings()
        settings.seed = UInt64(time(nil))
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if name == "--flush" {
                settings.empties = true
                continue
            }
            guard let value = rest.popFirst().flatMap({ Int($0) }), value > 0 else { return nil }
            switch name {
            case "--seconds": settings.trouble = .seconds(value)
            case "--processes": settings.processes = value
            case "--seed": settings.seed = UInt64(value)
            default: return nil
            }
        }
        return settings
    }
}
