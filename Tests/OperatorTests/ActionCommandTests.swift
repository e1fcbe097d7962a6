import TestEnvironment
import Testing

/// What the program tells about actions.
@Suite(.timeLimit(.minutes(4))) struct ActionCommandTests {
    private func run(_ arguments: String...) async throws -> (status: Int32, lines: [String]) {
        let child = try ChildProcess(Project.honua, ["action"] + arguments)
        let status = await child.waitForEnd()
        return (status, child.lines)
    }

    @Test func `every action is listed in one line`() async throws {
        let (status, lines) = try await run("list")
        #expect(status == 0)
        #expect(lines.first?.split(separator: " ") == ["NAME", "IDEMPOTENT", "CLUSTER", "ABOUT"])
        for name in ["apply", "delay", "echo", "exec", "fail", "http", "process", "set"] {
            #expect(lines.contains { $0.hasPrefix("\(name) ") }, "\(name)")
        }
        #expect(
            lines.contains { $0.wholeMatch(of: /exec +no +no +Runs a program.*Actions__Exec__Enabled=true\./) != nil }
        )
    }

    @Test func `an action is explained with inputs, output, errors and what is done about an unknown outcome`()
        async throws
    {
        let (status, lines) = try await run("explain", "http")
        #expect(status == 0)
        #expect(lines.first == "http: Calls an HTTP service and returns its answer.")
        for line in [
            "Unknown outcome:  RetryIfIdempotent: the action runs again under the same key",
            "  url <an http:// or https:// URL, required>", "  bearerToken <string or secretKeyRef>",
            "  headers <map of string or secretKeyRef>", "  redirects <integer, 0 to 10>",
            "    password <string or secretKeyRef, required>", "  output <body | status | none>",
            "  Rule: at most one of bearerToken and basicAuth may be given.",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        #expect(lines.contains { $0.hasPrefix("  Connection failed") && $0.contains("Transient") })
        #expect(lines.allSatisfy { $0.count <= 120 })
    }

    @Test func `as JSON it is the schema of the inputs`() async throws {
        let (status, lines) = try await run("explain", "exec", "-o", "json")
        #expect(status == 0)
        #expect(lines.first == "{" && lines.last == "}")
        #expect(lines.contains { $0.contains("\"command\"") })
    }

    @Test func `an unknown name is answered with the known ones`() async throws {
        let (status, lines) = try await run("explain", "htpp")
        #expect(status == 2)
        #expect(lines.count == 1)
        #expect(lines.first?.contains("there is no action \"htpp\"; there are: apply, delay, ") == true)
    }
}
