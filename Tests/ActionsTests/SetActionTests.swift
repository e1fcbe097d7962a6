import Actions
import JSON
import Testing
import Workflows

struct SetActionTests {
    @Test func `set returns its outputs, in a plan too`() async throws {
        let inputs: JSONValue = ["outputs": ["replicas": 3, "names": ["a", "b"]]]
        #expect(try await SetAction().perform(inputs, Steps.context()) == ["replicas": 3, "names": ["a", "b"]])
        #expect(try await SetAction().plan(inputs, Steps.context()) == ["replicas": 3, "names": ["a", "b"]])
    }

    @Test func `outputs must be there and have names`() {
        #expect(Steps.violations(SetAction(), [:]) == ["with.outputs: is required"])
        #expect(Steps.violations(SetAction(), ["outputs": [1]]) == ["with.outputs: expected an object, found an array"])
    }
}
