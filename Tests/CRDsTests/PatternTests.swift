import Actions
import CRDs
import HTTPTransport
import JSON
import Testing
import Workflows

/// A pattern is written twice, for the API server and for the operator; both must mean the same.
@Suite struct PatternTests {
    private static let samples = [
        "", "a", "A1", "1a", "a-b_c", "a b", "ä", "aé", "5s", "1h30m", "1.5h", "1.h", ".5h", "5", "5d", "250ms", "-5s",
        "5s5",
        "http://x", "https://", "https://a b", "ftp://x", "Abc,D:e", "Abc,", "a:", "a_", "_a", "a\n", "1h 2m", "٣s",
        "/", "/a b\n", "a/", "256Mi", "0Mi", "07Gi", "+5Ki", "1234567Ki", "Ki", "1Ti",
    ]

    private func patterns(in schema: JSONSchema) -> [JSONSchema.Pattern] {
        let inner = Array(schema.properties.values) + schema.items + schema.additionalProperties
        return [schema.pattern].compactMap { $0 } + inner.flatMap(patterns)
    }

    @Test func `the regular expression and the Swift form of every pattern agree`() throws {
        let cluster = ClusterAccess(client: nil)
        let http = HTTPAction(transport: try HTTPTransport(), cluster: cluster).inputSchema
        let exec = ExecAction(isEnabled: true, cluster: cluster).inputSchema
        let all = [HonuaProcessSpec.schema, HonuaProcessStatus.schema, ProcessState.schema, http, exec].flatMap(
            patterns
        )
        #expect(Set(all.map(\.expression)).count == 6)
        for pattern in all {
            let regex = try Regex(pattern.expression)
            for sample in Self.samples {
                let isMatch = sample.wholeMatch(of: regex) != nil
                #expect(pattern.matches(sample) == isMatch, "\(sample) and \(pattern.expression)")
            }
        }
    }
}
