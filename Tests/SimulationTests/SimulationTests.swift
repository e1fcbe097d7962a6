import Simulation
import Testing
import Workflows

@Suite(.serialized, .timeLimit(.minutes(5)))
struct SimulationTests {
    @Test func `all invariants hold in a fixed set of seeds`() {
        for seed in UInt64(1)...20 { #expect(Simulation.run(seed: seed).violation == nil, "seed \(seed)") }
    }
}
