/// Returns when the condition holds, which nothing announces. It is looked at every millisecond.
/// - Throws: when the task is cancelled, as it is when a test takes longer than it may.
public func eventually(_ condition: () -> Bool) async throws {
    while !condition() { try await Task.sleep(for: .milliseconds(1)) }
}
