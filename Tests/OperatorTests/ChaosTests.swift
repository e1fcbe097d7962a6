import Chaos
import Testing

/// A short run of `make chaos`.
@Suite(.timeLimit(.minutes(10))) struct ChaosTests {
    @Test func `three operators in trouble lose no process and repeat no effect without a trace`() async throws {
        var settings = ChaosSettings.short
        settings.seed = .random(in: 0...UInt64(UInt32.max))
        let report = try await Chaos.run(settings) { print("chaos: \($0)") }
        print("chaos, seed \(settings.seed):\n\(report)")
        #expect(report.violations == [], "seed \(settings.seed)")
        #expect(report.endings == ["Completed": settings.processes])
    }
}
