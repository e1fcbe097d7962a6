import JSON
import Testing
import Workflows

@testable import Actions

/// Checks that an account without a right is told which one it lacks, where, and who it is.
func expectForbidden(
    _ stage: Stage,
    _ action: (ClusterAccess) -> any Action,
    _ inputs: JSONValue,
    verb: String,
    resource: String
) async throws {
    let error = await #expect(throws: StepError.self) {
        try await action(stage.access).perform(inputs, stage.context())
    }
    #expect(error?.errorClass == .permanent && error?.summary == "Forbidden")
    let text = try #require(error).description
    for word in [verb, resource, stage.namespace, "system:serviceaccount:\(stage.namespace):deployer"] {
        #expect(text.contains(word), "\(text) names \(word)")
    }
}
