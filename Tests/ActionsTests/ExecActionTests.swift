import Foundation
import JSON
import ScriptedServers
import Testing
import Workflows

@testable import Actions

@Suite(.timeLimit(.minutes(4))) struct ExecActionTests {
    private let action = ExecAction(isEnabled: true, cluster: ClusterAccess(client: nil))

    private func shell(_ script: String, _ more: JSONValue = [:]) -> JSONValue {
        (["command": ["/bin/sh", "-c", .string(script)]] as JSONValue).merging(more)
    }

    private func failure(_ inputs: JSONValue, _ action: ExecAction? = nil) async -> StepError? {
        await #expect(throws: StepError.self) {
            try await (action ?? self.action).perform(inputs, Steps.context())
        }
    }

    @Test func `a program gets arguments, input, directory, and an environment of its own alone`() async throws {
        let output = try await action.perform(
            [
                "command": ["/usr/bin/env"], "environment": ["GREETING": "hello = you"], "workingDirectory": "/usr",
            ],
            Steps.context()
        )
        let variables = output["stdout"]?.string?.split(separator: "\n").sorted()
        #expect(variables == ["GREETING=hello = you", "HONUA_IDEMPOTENCY_KEY=key-1", "PATH=/usr/bin:/bin"])
        #expect(output["exitCode"] == 0 && output["stderr"] == "" && output["truncated"] == false)
        let told = try await action.perform(
            shell("pwd; cat; echo \"$1\" >&2", ["stdin": "from stdin", "workingDirectory": "/usr"]),
            Steps.context()
        )
        #expect(told["stdout"] == "/usr\nfrom stdin")
        let words: JSONValue = ["command": ["/bin/echo", "a  b", "$HOME", ""]]
        #expect(try await action.perform(words, Steps.context())["stdout"] == "a  b $HOME \n")
    }

    @Test func `limits hold for the program`() async throws {
        let limits = "ulimit -v; ulimit -S -t; ulimit -c"
        #expect(try await action.perform(shell(limits), Steps.context())["stdout"] == "262144\n300\n0\n")
        let other = shell(limits, ["memoryLimit": "1Gi", "cpuTimeLimit": "1500ms"])
        #expect(try await action.perform(other, Steps.context())["stdout"] == "1048576\n2\n0\n")
        let busy = await failure(shell("while :; do :; done", ["cpuTimeLimit": "1s"]))
        #expect(busy?.summary == "CPU time exceeded")
    }

    @Test func `an exit code other than 0 is a failure that has had an effect, transient if it is listed`() async throws
    {
        let error = await failure(shell("echo out; echo no luck >&2; exit 3"))
        #expect(error?.errorClass == .permanent && error?.hasHadEffect == true)
        #expect(error?.summary == "Exit code 3")
        #expect(error?.detail == "/bin/sh: no luck\n")
        #expect(await failure(shell("exit 3", ["transientExitCodes": [2, 3]]))?.errorClass == .transient)
        #expect(await failure(shell("kill -KILL $$"))?.summary == "Ended by signal 9")
    }

    @Test func `a long output is cut, and the program goes on`() async throws {
        let script = "head -c 3000000 /dev/zero | tr '\\0' x; echo done >&2"
        let output = try await action.perform(shell(script, ["outputLimit": 100]), Steps.context())
        #expect(output["stdout"] == .string(String(repeating: "x", count: 100)))
        #expect(output["truncated"] == true && output["exitCode"] == 0)
    }

    @Test func `a long input is written as it is read, or not at all`() async throws {
        let long = String(repeating: "y", count: 1_000_000)
        let counted = try await action.perform(shell("sleep 0.1; wc -c", ["stdin": .string(long)]), Steps.context())
        #expect(counted["stdout"] == "1000000\n")
        let ignored = try await action.perform(shell("exec true", ["stdin": .string(long)]), Steps.context())
        #expect(ignored["exitCode"] == 0)
    }

    @Test func `what a program leaves behind neither holds it up nor outlives it`() async throws {
        let group = try Watched()
        let output = try await action.perform(
            shell("exec 3>\(group.path); sleep 1000 & echo left >&3"),
            Steps.context()
        )
        #expect(output["exitCode"] == 0)
        await group.ended.value
    }

    @Test func `after its time the program is ended`() async throws {
        let error = await failure(shell("echo begun >&2; exec sleep 1000", ["timeout": "100ms"]))
        #expect(error?.errorClass == .permanent && error?.hasHadEffect == true)
        let patient = await failure(
            shell("trap 'echo cleaned up >&2; exit 0' TERM; while :; do sleep 0.1; done", ["timeout": "1s"])
        )
        #expect(patient?.errorClass == .permanent)
        #expect(patient?.detail?.contains("cleaned up") == true)
    }

    @Test func `a cancelled step ends the whole group, even one that ignores SIGTERM`() async throws {
        let action = ExecAction(isEnabled: true, cluster: ClusterAccess(client: nil), grace: .milliseconds(50))
        for script in ["sleep 1000 & wait", "trap '' TERM; while :; do sleep 1000; done"] {
            let group = try Watched()
            let inputs = shell("exec 3>\(group.path); echo begun >&3; " + script)
            let step = Task { try await action.perform(inputs, Steps.context()) }
            await group.begun.value
            step.cancel()
            await #expect(throws: CancellationError.self) { try await step.value }
            await group.ended.value
        }
    }

    @Test func `a program or directory that is not there is said before anything runs`() async {
        for (inputs, words) in [
            (["command": ["/nonexistent/tool"]], "/nonexistent/tool is no program that can be run: No such file"),
            (["command": ["/etc/passwd"]], "Permission denied"),
            (["command": ["/bin/true"], "workingDirectory": "/nonexistent"], "/nonexistent is no directory"),
        ] as [(JSONValue, String)] {
            let error = await failure(inputs)
            #expect(error?.summary == "Program not started" && error?.hasHadEffect == false)
            #expect(error?.detail?.contains(words) == true, "\(String(describing: error)) has \(words)")
        }
        #expect(await failure(["command": ["/bin/echo", "a\u{0}b"]])?.summary == "Invalid configuration")
    }

    @Test func `bad inputs are refused with their path`() {
        for (inputs, words) in [
            ([:], "with.command: is required"), (["command": []], "with.command: must have at least 1 element"),
            (["command": ["ls"]], "with.command: must begin with the absolute path of the program"),
            (["command": ["/bin/ls"], "environment": ["A-B": "x"]], "with.environment: the names must be of letters"),
            (["command": ["/bin/ls"], "memoryLimit": "much"], "with.memoryLimit: \"much\" is not an amount of memory"),
            (["command": ["/bin/ls"], "outputLimit": 300_000], "with.outputLimit: must be at most 262144"),
            (["command": ["/bin/ls"], "shell": true], "with.shell: unknown field"),
        ] as [(JSONValue, String)] {
            let found = Steps.violations(action, inputs)
            #expect(found.count == 1 && found[0].hasPrefix(words), "\(found) begins with \(words)")
        }
    }

    @Test func `a plan runs nothing and shows no values`() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("made-\(UUID().uuidString)").path
        let inputs = shell("echo begun > \(path)", ["environment": ["TOKEN": "tops3cret"], "stdin": "abc"])
        let plan = try await action.plan(inputs, Steps.context())
        #expect(plan["command"] == inputs["command"])
        #expect(plan["environment"] == ["HONUA_IDEMPOTENCY_KEY", "PATH", "TOKEN"])
        #expect(plan["stdinBytes"] == 3)
        #expect(!plan.description.contains("tops3cret"))
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `unless it is enabled, a definition that uses it is refused and names the setting`() async throws {
        let off = ExecAction(isEnabled: false, cluster: ClusterAccess(client: nil))
        for word in ["constant", "${{ input.word }}"] {
            let step: JSONValue = ["name": "a", "action": "exec", "with": ["command": ["/bin/echo", .string(word)]]]
            let definition = try WorkflowDefinition(json: ["steps": [step]])
            let found = definition.violations(actions: ActionCatalog([off])).map(\.description)
            #expect(found.count == 1)
            #expect(found.first?.hasPrefix("steps[0].action: exec is off") == true)
            #expect(found.first?.contains("set Actions__Exec__Enabled=true") == true)
            #expect(definition.violations(actions: ActionCatalog([action])).isEmpty)
        }
        #expect(await failure(["command": ["/bin/true"]], off)?.description.contains("Actions__Exec__Enabled") == true)
    }

    @Test func `an unknown outcome is a question for people`() {
        #expect(action.defaultUnknownOutcomePolicy == .askHuman)
    }
}

/// A pipe with a name, which is at its end when every process is gone that held it open.
private final class Watched: Sendable {
    let path: String
    let begun = Fact()
    let ended = Fact()

    init() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("fifo-\(UUID().uuidString)").path
        guard mkfifo(path, 0o600) == 0 else { throw CocoaError(.fileWriteUnknown) }
        self.path = path
        let (begun, ended) = (begun, ended)
        Thread.detachNewThread {
            guard let handle = FileHandle(forReadingAtPath: path) else { return }
            while !handle.availableData.isEmpty { begun.happened() }
            ended.happened()
        }
    }

    deinit { unlink(path) }
}
