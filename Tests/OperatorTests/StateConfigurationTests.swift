import Testing

@testable import Operator
@testable import Workflows

/// The variables that decide how state is stored.
struct StateConfigurationTests {
    @Test func `without variables state is plain, and large states are allowed`() throws {
        let engine = try OperatorConfiguration(environment: [:]).engine
        #expect(!engine.compressesState)
        #expect(engine.limits.documentBytes == 16 << 20)
    }

    @Test func `compression is switched on, and the limit of a state holds for its document and its outputs`() throws {
        let engine = try OperatorConfiguration(environment: [
            "ProcessFramework__EnableStateCompression": "true", "PROCESSFRAMEWORK__MAXSTATESIZEKB": "1024",
        ]).engine
        #expect(engine.compressesState)
        #expect(engine.limits.documentBytes == 1 << 20)
        #expect(engine.limits.outputBytes == 1 << 20)
        // No document may be larger than Redis clients take at once.
        let large = try OperatorConfiguration(environment: ["ProcessFramework__MaxStateSizeKB": "1048576"]).engine
        #expect(large.limits.documentBytes == 32 << 20)
        #expect(large.limits.outputBytes == 1 << 30)
    }

    @Test(arguments: ["15", "much"]) func `a limit that makes no sense is refused by its name`(value: String) {
        let error = #expect(throws: OperatorConfiguration.Invalid.self) {
            try OperatorConfiguration(environment: ["ProcessFramework__MaxStateSizeKB": value])
        }
        #expect(error?.description.contains("ProcessFramework__MaxStateSizeKB") == true)
    }
}
