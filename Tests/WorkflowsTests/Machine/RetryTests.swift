import JSON
import Testing

@testable import Workflows

@Suite struct RetryTests {
    private func process(_ policy: RetryPolicy, _ step: StepDefinition = step("a")) -> MachineDriver {
        var process = MachineDriver(workflow([step]), retry: policy)
        process.begin()
        return process
    }

    @Test func `a transient failure is tried again after its delay, with the same key`() {
        var process = process(RetryPolicy(limit: 2, delay: .seconds(5)))
        let key = process.execution("a")?.key
        #expect(process.fail("a", StepError(.transient, "503 Service Unavailable")) == [])
        #expect(process.phase("a") == .waiting)
        #expect(process.execution("a")?.message == "503 Service Unavailable")
        #expect(process.machine.nextDue == .seconds(5))
        #expect(process.wait(.milliseconds(4999)) == [])
        #expect(process.wait(.milliseconds(1)).runs == ["a"])
        #expect(process.execution("a")?.attempt == 2)
        #expect(process.execution("a")?.key == key)
    }

    @Test func `when the attempts are used up the process fails with a text that can be grouped`() {
        var process = process(RetryPolicy(limit: 1, delay: .seconds(1)))
        let error = StepError(.transient, "503 Service Unavailable", detail: "from 10.0.0.7 at noon")
        process.fail("a", error)
        process.wait(.seconds(1))
        process.fail("a", error)
        #expect(process.status == .failed)
        #expect(process.state.errorMessage == "step a: 503 Service Unavailable")
        #expect(process.execution("a")?.message == "503 Service Unavailable: from 10.0.0.7 at noon")
        #expect(process.execution("a")?.attempt == 2)
    }

    @Test func `a limit of zero tries nothing again`() {
        var process = process(RetryPolicy(limit: 0, delay: .seconds(1)))
        process.fail("a", .hiccup)
        #expect(process.status == .failed)
    }

    @Test(arguments: StepError.Class.allCases) func `transient failures and time-outs are tried again by default`(
        errorClass: StepError.Class
    ) {
        var process = process(RetryPolicy(limit: 1, delay: .seconds(1)))
        process.fail("a", StepError(errorClass, "x"))
        #expect(process.phase("a") == (errorClass == .permanent ? .failed : .waiting))
    }

    @Test func `a policy may name the classes that are tried again`() {
        var policy = RetryPolicy(limit: 1, delay: .seconds(1))
        policy.on = [.permanent]
        for (errorClass, phase) in [(StepError.Class.permanent, StepPhase.waiting), (.transient, .failed)] {
            var process = process(policy)
            process.fail("a", StepError(errorClass, "x"))
            #expect(process.phase("a") == phase)
        }
    }

    @Test func `a step's own policy comes before that of the process`() {
        var process = process(
            RetryPolicy(limit: 0, delay: .zero),
            step("a") { $0.retry = RetryPolicy(limit: 1, delay: .zero) }
        )
        #expect(process.fail("a", .hiccup).runs == ["a"])
    }

    private func conditional(_ condition: String) -> RetryPolicy {
        var policy = RetryPolicy(limit: 3, delay: .zero)
        policy.retryWhen = condition
        return policy
    }

    @Test func `retryWhen sees the failure and decides`() {
        let condition = "error.class == 'Transient' && error.summary.startsWith('5') && error.detail == 'busy'"
        for (summary, runs) in [("503", ["a"]), ("429", [])] {
            var process = process(RetryPolicy(limit: 3, delay: .zero), step("a") { $0.retry = conditional(condition) })
            #expect(process.fail("a", StepError(.transient, summary, detail: "busy")).runs == runs)
        }
    }

    @Test func `a retryWhen that cannot be evaluated or is no boolean ends the attempts`() {
        for condition in ["error.nope == 1", "'yes'"] {
            var process = process(RetryPolicy(limit: 3, delay: .zero), step("a") { $0.retry = conditional(condition) })
            process.fail("a", .hiccup)
            #expect(process.phase("a") == .failed)
        }
    }

    @Test func `retryWhen of the process's policy and of a compensation's counts as well`() {
        var process = process(conditional("error.summary != 'hiccup'"))
        process.fail("a", .hiccup)
        #expect(process.phase("a") == .failed)

        let step = undoable("a") { $0.compensate?.retry = conditional("error.summary == 'hiccup'") }
        process = MachineDriver(workflow([step]), onFailure: .rollback)
        process.begin()
        process.succeed("a")
        process.order(.rollBack)
        #expect(process.fail("a/compensate", .hiccup).runs == ["a/compensate"])
        process.fail("a/compensate", StepError(.transient, "other"))
        #expect(process.phase("a/compensate") == .failed)
    }

    @Test func `a target that says when to come back is not asked earlier`() {
        var process = process(RetryPolicy(limit: 3, delay: .seconds(5)))
        process.fail("a", StepError(.transient, "429 Too Many Requests", retryAfter: .seconds(60)))
        #expect(process.wait(.seconds(59)) == [])
        #expect(process.wait(.seconds(1)).runs == ["a"])
        process.fail("a", StepError(.transient, "429 Too Many Requests", retryAfter: .seconds(1)))
        #expect(process.wait(.seconds(4)) == [])
        #expect(process.wait(.seconds(1)).runs == ["a"])
    }

    @Test func `a target that asks for an absurd delay does no harm`() {
        var process = process(RetryPolicy(limit: 3, delay: .seconds(5)))
        process.fail("a", StepError(.transient, "x", retryAfter: .seconds(Int64.max)))
        #expect(process.phase("a") == .waiting)
        #expect(process.wait(.seconds(100)) == [])
    }

    // MARK: Delays

    @Test(arguments: [(1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (60, 10.0)])
    func `the delay before a retry grows up to its limit`(attempt: Int, seconds: Double) {
        var backoff = RetryBackoff()
        backoff.duration = "2s"
        backoff.factor = 2
        backoff.maxDuration = "10s"
        #expect(backoff.delay(afterAttempt: attempt, seed: "key") == .seconds(seconds))
    }

    @Test func `without a factor the delay stays the same, and by default it is five seconds`() {
        #expect(
            [1, 2, 1000].map { RetryBackoff().delay(afterAttempt: $0, seed: "key") }
                == Array(repeating: .seconds(5), count: 3)
        )
    }

    @Test(arguments: [1.5, 1e300, .greatestFiniteMagnitude, .infinity]) func `no factor makes the arithmetic overflow`(
        factor: Double
    ) {
        var backoff = RetryBackoff()
        backoff.duration = "999999999999h"
        backoff.factor = factor
        #expect(backoff.delay(afterAttempt: 1000, seed: "key") > .seconds(3600))
        backoff.maxDuration = "1h"
        #expect(backoff.delay(afterAttempt: 1000, seed: "key") == .seconds(3600))
    }

    @Test func `jitter lengthens a delay by up to its share, and spreads over all of it`() {
        var backoff = RetryBackoff()
        backoff.duration = "100s"
        backoff.jitter = 0.5
        let delays = (0..<1000).map { backoff.delay(afterAttempt: 1, seed: "key\($0)").inSeconds }
        #expect(delays.allSatisfy { (100..<150).contains($0) })
        for quarter in 0..<4 {
            let range = (100 + 12.5 * Double(quarter))..<(112.5 + 12.5 * Double(quarter))
            #expect((150...350).contains(delays.count { range.contains($0) }), "\(range)")
        }
        let attempts = Set((1...100).map { Int(backoff.delay(afterAttempt: $0, seed: "key").inSeconds) })
        #expect(attempts.count > 20, "the attempts of one step are spread as well")
        #expect(backoff.delay(afterAttempt: 1, seed: "key1") == backoff.delay(afterAttempt: 1, seed: "key1"))
    }
}
