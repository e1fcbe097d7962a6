import Foundation
import Glibc
import JSON
import Logging
import ScriptedServers
import TestClock
import TestEnvironment
import Testing

@testable import KubeClient

/// Plugins are shell scripts; each run adds a line to the file `runs`.
@Suite(.timeLimit(.minutes(4))) struct ExecPluginTests {
    private let folder: CredentialFolder
    private let clock = ManualClock()
    private let start = Timestamp(seconds: 1_800_000_000)

    init() throws { folder = try CredentialFolder() }

    private func plugin(_ commands: String, _ change: (inout ExecPlugin) -> Void = { _ in }) throws -> ExecPlugin {
        let path = try folder.script("echo run >>\(folder.path("runs"))\n\(commands)")
        var plugin = ExecPlugin(command: path, environment: ["PATH": "/usr/bin:/bin"])
        change(&plugin)
        return plugin
    }

    private func source(
        _ plugin: ExecPlugin,
        isTerminal: Bool = false,
        cluster: JSONValue = ["server": "https://a"]
    ) -> ExecCredentialSource {
        ExecCredentialSource(
            plugin,
            clock: ConnectionClock(clock, startingAt: start),
            logger: Logger(label: "test"),
            isTerminal: { isTerminal },
            cluster: { cluster }
        )
    }

    /// Shell commands that answer with a status.
    private func answer(_ status: String, version: String = "v1") -> String {
        """
        cat <<END
        {"apiVersion": "client.authentication.k8s.io/\(version)", "kind": "ExecCredential", "status": \(status)}
        END
        """
    }

    private func failure(_ source: ExecCredentialSource) async -> String {
        do {
            _ = try await source.current()
            return "nothing was thrown"
        } catch {
            return "\(error)"
        }
    }

    @Test func `credentials without an expiration are asked for once`() async throws {
        let source = source(try plugin(answer(#"{"token": "t$$"}"#)))
        let first = try await source.current()
        clock.advance(by: .seconds(1_000_000))
        #expect(try await source.current().credential.token == first.credential.token)
        #expect(folder.lines("runs") == 1)
    }

    @Test func `many who wait share one run`() async throws {
        let source = source(try plugin("read line <\(folder.path("gate"))\n" + answer(#"{"token": "t"}"#)))
        let gate = try folder.makeGate()
        try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<50 { group.addTask { try await source.current().credential.token } }
            gate.open()
            for try await token in group { #expect(token == "t") }
        }
        #expect(folder.lines("runs") == 1)
    }

    @Test func `who is cancelled stops waiting, and the others get their credentials`() async throws {
        let source = source(try plugin("read line <\(folder.path("gate"))\n" + answer(#"{"token": "t"}"#)))
        let gate = try folder.makeGate()
        let patient = Task { try await source.current().credential.token }
        let impatient = Task { try await source.current().credential.token }
        impatient.cancel()
        await #expect(throws: CancellationError.self) { try await impatient.value }
        gate.open()
        #expect(try await patient.value == "t")
        #expect(folder.lines("runs") == 1)
    }

    @Test func `credentials are renewed a tenth of their life, at most a minute, before they expire`() async throws {
        let expiration = start.advanced(by: .seconds(300))
        let source = source(try plugin(answer(#"{"token": "t", "expirationTimestamp": "\#(expiration)"}"#)))
        _ = try await source.current()
        clock.advance(by: .seconds(269))
        _ = try await source.current()
        #expect(folder.lines("runs") == 1)
        clock.advance(by: .seconds(1))
        _ = try await source.current()
        #expect(folder.lines("runs") == 2)
    }

    @Test func `when renewal fails, credentials are used as long as they are good`() async throws {
        let expiration = start.advanced(by: .seconds(300))
        let good = answer(#"{"token": "t", "expirationTimestamp": "\#(expiration)"}"#)
        let source = source(try plugin("if [ -e \(folder.path("broken")) ]; then exit 7; fi\n" + good))
        _ = try await source.current()
        try folder.write("", to: "broken")
        clock.advance(by: .seconds(280))
        #expect(try await source.current().credential.token == "t")
        #expect(try await source.current().credential.token == "t")
        #expect(folder.lines("runs") == 2)
        clock.advance(by: .seconds(20))
        #expect(await failure(source).contains("failed with exit status 7"))
    }

    @Test func `credentials that were refused are renewed at once, and once for all`() async throws {
        let source = source(try plugin(answer(#"{"token": "t$$"}"#)))
        let first = try await source.current()
        let second = try await source.renewed(after: first.run)
        #expect(second.run == first.run + 1)
        #expect(second.credential.token != first.credential.token)
        #expect(try await source.renewed(after: first.run).run == second.run)
        #expect(folder.lines("runs") == 2)
    }

    @Test func `a plugin that hands out refused credentials again is left alone for a while`() async throws {
        let source = source(try plugin(answer(#"{"token": "t"}"#)))
        let first = try await source.current()
        let second = try await source.renewed(after: first.run)
        #expect(second.run == first.run + 1)
        #expect(try await source.renewed(after: second.run).run == second.run)
        clock.advance(by: ExecCredentialSource.pauseAfterRepetition)
        #expect(try await source.renewed(after: second.run).run == second.run + 1)
        #expect(folder.lines("runs") == 3)
    }

    @Test func `the plugin is told what was asked for, and of the cluster if it wants to`() async throws {
        let commands =
            "printf '%s' \"$KUBERNETES_EXEC_INFO\" >\(folder.path("info"))\nenv >\(folder.path("env"))\n"
            + "ls /proc/self/fd >\(folder.path("descriptors"))\n" + answer(#"{"token": "t"}"#)
        let plugin = try plugin(commands) { plugin in
            plugin.provideClusterInfo = true
            plugin.clusterConfig = ["audience": "x"]
            plugin.environment["EXTRA"] = "v"
        }
        // Such as somebody else's file that nobody marked.
        let leak = open("/dev/null", O_RDONLY)
        defer { close(leak) }
        _ = try await source(plugin).current()
        let info = try JSONValue(parsing: Array(folder.read("info").utf8))
        #expect(
            info == [
                "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
                "spec": ["interactive": false, "cluster": ["server": "https://a", "config": ["audience": "x"]]],
            ]
        )
        let variables = try folder.read("env").split(separator: "\n")
        #expect(variables.contains("EXTRA=v"))
        #expect(!variables.contains { $0.hasPrefix("HOME=") })
        #expect(try !folder.read("descriptors").split(separator: "\n").contains("\(leak)"))
    }

    @Test func `without provideClusterInfo it is told nothing of the cluster`() async throws {
        let plugin = try plugin(
            "printf '%s' \"$KUBERNETES_EXEC_INFO\" >\(folder.path("info"))\n" + answer(#"{"token": "t"}"#)
        )
        _ = try await source(plugin).current()
        #expect(try JSONValue(parsing: Array(folder.read("info").utf8))["spec"] == ["interactive": false])
    }

    @Test func `standard input is a terminal's or nobody's`() async throws {
        let plugin = try plugin("readlink /proc/self/fd/0 >\(folder.path("stdin"))\n" + answer(#"{"token": "t"}"#))
        _ = try await source(plugin).current()
        #expect(try folder.read("stdin") == "/dev/null\n")
        var never = plugin
        never.interactiveMode = .never
        _ = try await source(never, isTerminal: true).current()
        #expect(try folder.read("stdin") == "/dev/null\n")
        var always = plugin
        always.interactiveMode = .always
        #expect(await failure(source(always)).contains("standard input is no terminal"))
        #expect(folder.lines("runs") == 2)
        _ = try await source(always, isTerminal: true).current()
        #expect(try folder.read("stdin") == "\(readlink("/proc/self/fd/0"))\n")
    }

    private func readlink(_ path: String) -> String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) ?? ""
    }

    @Test(arguments: [
        ("echo secret", "answered with something that is not JSON"),
        ("echo '{}'", "answered with no ExecCredential"),
        ("echo '{\"kind\": \"ExecCredential\", \"apiVersion\": \"secret\"}'", "answered in another version"),
        ("echo secret; exit 3", "failed with exit status 3"),
        ("echo secret; kill -TERM $$", "was ended by signal 15"),
        ("while :; do echo secretsecretsecretsecretsecretsecretsecret; done", "wrote more than a megabyte"),
    ])
    func `an answer that is of no use is refused, and never quoted`(commands: String, words: String) async throws {
        let error = await failure(source(try plugin(commands)))
        #expect(error.contains(words), "\(error)")
        #expect(!error.contains("secret"))
    }

    @Test(arguments: [
        ("null", "without a status"), ("{}", "neither a token nor a client certificate"),
        (#"{"token": 1}"#, "status.token that is not a string"),
        (#"{"clientKeyData": "secret"}"#, "only one of clientCertificateData and clientKeyData"),
        (#"{"clientKeyData": "secret", "clientCertificateData": "secret"}"#, "no certificate in PEM form"),
        (#"{"token": "secret", "expirationTimestamp": "soon"}"#, "not a time of RFC 3339"),
    ])
    func `a status that is of no use is refused, and never quoted`(status: String, words: String) async throws {
        let error = await failure(source(try plugin(answer(status))))
        #expect(error.contains(words), "\(error)")
        #expect(!error.contains("secret"))
    }

    @Test func `the answer must be of the version that was asked for`() async throws {
        let old = try plugin(answer(#"{"token": "t"}"#, version: "v1beta1"))
        #expect(await failure(source(old)).contains("set apiVersion in the kubeconfig"))
        var asked = old
        asked.apiVersion = .v1beta1
        #expect(try await source(asked).current().credential.token == "t")
    }

    @Test func `a command that is not there is said with how to get it`() async throws {
        var plugin = ExecPlugin(command: "no-such-plugin", environment: ["PATH": "bin:/usr/bin"])
        plugin.installHint = "Get it at example.com\u{1B}[31m."
        let error = await failure(source(plugin))
        #expect(
            error == "credential plugin no-such-plugin cannot be started: No such file or directory\n"
                + "Get it at example.com[31m."
        )
    }

    @Test func `a bare command is found on PATH`() async throws {
        _ = try plugin(answer(#"{"token": "t"}"#))
        let found = ExecPlugin(command: "plugin", environment: ["PATH": "/nowhere:\(folder.path):/usr/bin:/bin"])
        #expect(try await source(found).current().credential.token == "t")
    }

    @Test func `a plugin that hangs is killed with all it has started`() async throws {
        let commands = "sleep 1000 & echo $! >\(folder.path("child"))\nwait"
        let plugin = try plugin(commands)
        let child = try await withGrowingLimit(from: .milliseconds(300)) { limit in
            var impatient = plugin
            impatient.timeout = limit
            let failure = await failure(source(impatient))
            #expect(failure.contains("was killed, since it took longer than \(limit)"))
            // It may not have come to start one.
            return (try? folder.read("child")).flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        }
        try await eventually { folder.isGone(child) }
    }

    @Test func `a plugin that leaves somebody behind does not have to wait for him`() async throws {
        let commands = "sleep 1000 & echo $! >\(folder.path("child"))\n" + answer(#"{"token": "t"}"#)
        #expect(try await source(plugin(commands)).current().credential.token == "t")
        let child = try #require(pid_t(try folder.read("child").trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(kill(child, SIGKILL) == 0)
    }

    @Test func `shutting down kills the plugin and fails those who wait`() async throws {
        let commands =
            "echo $$ >\(folder.path("pid.new")); mv \(folder.path("pid.new")) \(folder.path("pid"))\nsleep 1000"
        let source = source(try plugin(commands))
        let waiting = Task { await failure(source) }
        try await eventually { folder.lines("pid") > 0 }
        source.shutdown()
        #expect(await waiting.value.contains("shut down"))
        let pid = try #require(pid_t(try folder.read("pid").trimmingCharacters(in: .whitespacesAndNewlines)))
        try await eventually { folder.isGone(pid) }
        #expect(await failure(source).contains("shut down"))
    }
}

/// A named pipe that a script reads from until it is opened.
private final class Gate {
    private let descriptor: Int32

    init(_ path: String) throws {
        try #require(mkfifo(path, 0o600) == 0)
        // For reading too, so that neither side waits for the other.
        descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC)
    }

    deinit { close(descriptor) }

    func open() { _ = write(descriptor, "go\n", 3) }
}

extension CredentialFolder {
    fileprivate func makeGate() throws -> Gate { try Gate(path("gate")) }

    /// Whether a process that was killed has ended; it may still be waited for by its parent.
    fileprivate func isGone(_ pid: pid_t) -> Bool {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return true }
        return stat.split(separator: ")").last?.hasPrefix(" Z") == true
    }
}
