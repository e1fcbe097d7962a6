/// Tries with a time limit, then with twice as much, and so on, until the machine was quick enough for what has to happen
/// within it.
///
/// For tests of what happens when time runs out. They wait for the limit, so it should be short; but what comes before
/// that has to happen within it too, and a machine that others use may stand still for seconds.
/// - Parameter attempt: returns nil when it came to nothing because time ran out too early.
/// - Throws: `NeverQuickEnough` when that is so with 32 times the first limit still.
package func withGrowingLimit<Value>(
    from first: Duration,
    _ attempt: (_ limit: Duration) async throws -> Value?
) async throws -> Value {
    for doublings in 0...5 {
        if let value = try await attempt(first * (1 << doublings)) { return value }
    }
    throw NeverQuickEnough(description: "time ran out too early, also with \(first * 32)")
}

package struct NeverQuickEnough: Error, CustomStringConvertible {
    package let description: String
}
