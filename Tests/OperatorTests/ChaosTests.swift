import Chaos
import Testing

/// A short run of `make chaos`.
@Suite(.timeLimit(.minutes(10))) struct ChaosTests {
    @Test(arguments: [false, true])
    func `three operators in trouble lose no process and repeat no effect without a trace`(isEmptied: Bool) async throws
    {
        var settings = ChaosSettings.short
        settings.empties = isEmptied
        settings.seed = .random(in: 0...UInt64(UInt32.max))
        let report = try await Chaos.run(settings) { print("chaos: \($0)") }
        print("chaos, seed \(settings.seed):\n\(report)")
        #expect(report.violations == [], "seed \(settings.seed)")
        #expect(report.endings["Completed", default: 0] > 0)
        #expect(isEmptied || report.endings == ["Completed": settings.processes])
    }
}
