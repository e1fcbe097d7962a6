import HTTPTransport
import JSON
import KubeClient
import Logging
import ScriptedServers
import Testing
import Workflows

@testable import Actions

@Suite(.timeLimit(.minutes(4))) struct SecretReferenceTests {
    private let password: JSONValue = ["secretKeyRef": ["name": "db", "key": "password"]]

    private func makeSecret(_ stage: Stage) async throws {
        try await stage.make([
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "db"],
            // tops3cret, and two bytes that are no UTF-8
            "data": ["password": "dG9wczNjcmV0", "binary": "//4="],
        ])
    }

    private func failure(_ stage: Stage, _ input: JSONValue) async -> StepError? {
        await #expect(throws: StepError.self) {
            var secrets = ResolvedSecrets(stage.access, stage.context())
            _ = try await secrets.text(input)
        }
    }

    @Test func `a reference gives the value in the process's namespace, and a string gives itself`() async throws {
        let stage = try await Stage.make([["apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]]])
        try await makeSecret(stage)
        var secrets = ResolvedSecrets(stage.access, stage.context())
        #expect(try await secrets.text(password) == "tops3cret")
        #expect(try await secrets.text("plain") == "plain")
        #expect(try await secrets.text(nil) == nil)
        #expect(secrets.redacted("tops3cret, plain") == "***, plain")
    }

    @Test func `a Secret, a key or a text that is not there is a permanent failure that names them`() async throws {
        let stage = try await Stage.make()
        try await makeSecret(stage)
        for (name, key, words) in [
            ("nobody", "password", ["there is no such Secret", "key \"password\" of Secret \"nobody\""]),
            ("db", "token", ["key \"token\" of Secret \"db\"", "only binary, password"]),
            ("db", "binary", ["key \"binary\" of Secret \"db\"", "no UTF-8"]),
        ] {
            let error = await failure(stage, ["secretKeyRef": ["name": .string(name), "key": .string(key)]])
            #expect(error?.errorClass == .permanent)
            #expect(error?.summary == "Secret not available")
            let text = error?.description ?? ""
            for word in words + [stage.namespace] { #expect(text.contains(word), "\(text) names \(word)") }
            #expect(!text.contains("tops3cret") && !text.contains("dG9wczNjcmV0"))
        }
    }

    @Test func `a forbidden read names verb, resource, namespace and account`() async throws {
        let stage = try await Stage.make([["apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]]])
        try await makeSecret(stage)
        let error = await failure(stage, password)
        #expect(error?.errorClass == .permanent)
        let text = error?.description ?? ""
        for word in [
            "Forbidden", "get", "secrets", stage.namespace, "system:serviceaccount:\(stage.namespace):deployer",
        ] {
            #expect(text.contains(word), "\(text) names \(word)")
        }
    }

    @Test func `secrets reach the service, and neither output nor error nor log`() async throws {
        let stage = try await Stage.make()
        try await makeSecret(stage)
        let requests = Requests()
        let server = try ScriptedServer { connection in
            while true {
                let request = try connection.readRequest()
                requests.add(request)
                let status = request.line.contains("/fail") ? "400 Bad Request" : "200 OK"
                let echo = request.fields.joined(separator: "\n") + "\n" + request.text
                try connection.respond(status, echo, fields: ["X-Echo: \(request.value(of: "x-password") ?? "")"])
            }
        }
        let lines = RecordingLogHandler.Lines()
        let context = StepContext(
            processID: "process-1",
            namespace: stage.namespace,
            serviceAccountName: "deployer",
            step: "step",
            idempotencyKey: "key-1",
            logger: Logger(label: "test") { _ in RecordingLogHandler(lines: lines) }
        )
        let action = HTTPAction(transport: try HTTPTransport(), cluster: stage.access)
        func inputs(_ path: String, _ more: JSONValue) -> JSONValue {
            let common: JSONValue = [
                "url": .string(server.url(path)), "headers": ["X-Password": password], "body": password,
            ]
            return common.merging(more)
        }
        let bearer = try await action.perform(inputs("/", ["bearerToken": password]), context)
        let basic = try await action.perform(
            inputs("/", ["basicAuth": ["username": "gis", "password": password]]),
            context
        )
        let error = await #expect(throws: StepError.self) {
            try await action.perform(inputs("/fail", ["bearerToken": password]), context)
        }
        #expect(
            requests.all.map { $0.value(of: "authorization") } == [
                "Bearer tops3cret", "Basic Z2lzOnRvcHMzY3JldA==", "Bearer tops3cret",
            ]
        )
        #expect(requests.all.allSatisfy { $0.value(of: "x-password") == "tops3cret" && $0.text == "tops3cret" })
        #expect(bearer[path: "headers", "x-echo"] == "***")
        #expect(bearer["body"]?.string?.contains("Bearer ***") == true)
        #expect(basic["body"]?.string?.contains("Basic ***") == true)
        #expect(error?.description.contains("***") == true)
        let said = [bearer.description, basic.description, "\(String(describing: error))"] + lines.all
        #expect(!lines.all.isEmpty)
        for text in said {
            #expect(!text.contains("tops3cret") && !text.contains("dG9wczNjcmV0") && !text.contains("Z2lzOnRvcHMz"))
        }
        // A plan reads no secret at all.
        let plan = try await action.plan(inputs("/", [:]), context)
        #expect(plan["body"] == "key \"password\" of Secret \"db\"")
        #expect(requests.all.count == 3)
    }

    @Test func `a body that is a secret does not follow a redirect to another origin`() async throws {
        let stage = try await Stage.make()
        try await makeSecret(stage)
        let other = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.respond()
        }
        let requests = Requests()
        let server = try ScriptedServer { connection in
            requests.add(try connection.readRequest())
            try connection.respond("307 Temporary Redirect", fields: ["Location: \(other.url("/tops3cret"))"])
        }
        let action = HTTPAction(transport: try HTTPTransport(), cluster: stage.access)
        let error = await #expect(throws: StepError.self) {
            try await action.perform(
                ["url": .string(server.url()), "method": "PUT", "body": password, "redirects": 1],
                stage.context()
            )
        }
        #expect(error?.summary == "Redirect refused")
        #expect(error?.description.hasSuffix("/***, and its body is a secret") == true)
        #expect(requests.all.map(\.text) == ["tops3cret"])
        #expect(other.accepted == 0)
    }

    @Test func `a program gets secrets by environment and input, and what it prints of them is taken out`() async throws
    {
        let stage = try await Stage.make()
        try await makeSecret(stage)
        let action = ExecAction(isEnabled: true, cluster: stage.access)
        func inputs(_ script: String) -> JSONValue {
            ["command": ["/bin/sh", "-c", .string(script)], "environment": ["TOKEN": password], "stdin": password]
        }
        let output = try await action.perform(
            inputs(#"test "$(cat)" = tops3cret && echo "got $TOKEN"; echo "$TOKEN" >&2"#),
            stage.context()
        )
        #expect(output["stdout"] == "got ***\n" && output["stderr"] == "***\n")
        // The output ends within the secret.
        let cut = try await action.perform(
            inputs(#"echo "got $TOKEN""#).merging(["outputLimit": 8]),
            stage.context()
        )
        #expect(cut["stdout"] == "got ***" && cut["truncated"] == true)
        let error = await #expect(throws: StepError.self) {
            try await action.perform(inputs(#"echo "no luck with $TOKEN" >&2; exit 4"#), stage.context())
        }
        #expect(error?.detail == "/bin/sh: no luck with ***\n")
    }

    @Test func `what is neither string nor reference is refused with its path`() throws {
        let action = HTTPAction(transport: try HTTPTransport(), cluster: ClusterAccess(client: nil))
        for (inputs, words) in [
            (["headers": ["X-Count": 3]], "with.headers.X-Count: fits none of anyOf: expected a string"),
            (["bearerToken": ["secretKeyRef": ["name": "db"]]], "secretKeyRef.key: is required"),
            (
                ["body": ["secretKeyRef": ["name": "db"]]],
                "with.body: secretKeyRef must stand alone, with a name and a key"
            ),
            (["bearerToken": ["secretKeyRef": ["name": "db", "key": "k", "namespace": "other"]]], "unknown field"),
        ] as [(JSONValue, String)] {
            let found = Steps.violations(action, (["url": "http://x"] as JSONValue).merging(inputs))
            #expect(found.count == 1 && found[0].contains(words), "\(found) has \(words)")
        }
        #expect(Steps.violations(action, ["url": "http://x", "body": ["any": ["thing": 1]]]).isEmpty)
    }
}
