internal import Glibc
internal import JSON
internal import Workflows

/// What a step asks `exec` for, with its secrets resolved.
struct ExecInputs {
    let program: Subprocess.Program
    let timeout: Duration?
    private let transientExitCodes: [Int64]

    /// Of the program, without its arguments.
    var path: String { program.command[0] }

    private static let defaultOutputLimit = 64 << 10
    private static let defaultMemoryLimit = "256Mi"
    private static let defaultCPUTimeLimit = "5m"
    /// All there is in the environment unless the step says more.
    private static let searchPath = "/usr/bin:/bin"

    /// - Parameter inputs: valid under `schema`.
    init(_ inputs: JSONValue, _ context: StepContext, grace: Duration, _ secrets: inout ResolvedSecrets) async throws {
        var environment = ["PATH": Self.searchPath]
        for (name, value) in inputs["environment"]?.object ?? [:] {
            let text = try await secrets.text(value) ?? ""
            guard !text.utf8.contains(0) else { throw Self.invalid("environment.\(name)") }
            environment[name] = text
        }
        environment["HONUA_IDEMPOTENCY_KEY"] = context.idempotencyKey
        let input = try await secrets.text(inputs["stdin"]) ?? ""
        let cpuTime = Duration(text: inputs["cpuTimeLimit"]?.string ?? Self.defaultCPUTimeLimit) ?? .seconds(300)
        program = Subprocess.Program(
            command: inputs["command"]?.array?.compactMap(\.string) ?? [],
            environment: environment,
            workingDirectory: inputs["workingDirectory"]?.string ?? "/",
            input: Array(input.utf8),
            memoryKiB: Self.kibibytes(inputs["memoryLimit"]?.string ?? Self.defaultMemoryLimit) ?? 256 << 10,
            cpuSeconds: Int(max(1, (cpuTime / .seconds(1)).rounded(.up))),
            outputLimit: inputs["outputLimit"]?.int.map(Int.init) ?? Self.defaultOutputLimit,
            grace: grace
        )
        timeout = inputs["timeout"]?.string.flatMap { Duration(text: $0) }
        transientExitCodes = inputs["transientExitCodes"]?.array?.compactMap(\.int) ?? []
        try check()
    }

    /// Finds what a shell would only complain about, after the start.
    private func check() throws(StepError) {
        func missing(_ path: String, _ what: String) -> StepError {
            StepError(
                .permanent,
                "Program not started",
                detail: "\(path) is \(what): \(String(cString: strerror(errno)))"
            )
        }
        guard !program.command.contains(where: { $0.utf8.contains(0) }) else { throw Self.invalid("command") }
        guard !program.workingDirectory.utf8.contains(0) else { throw Self.invalid("workingDirectory") }
        guard access(path, X_OK) == 0 else { throw missing(path, "no program that can be run") }
        guard let directory = opendir(program.workingDirectory) else {
            throw missing(program.workingDirectory, "no directory that can be used")
        }
        closedir(directory)
    }

    private static func invalid(_ field: String) -> StepError {
        StepError(.permanent, StepError.invalidConfiguration, detail: "with.\(field) contains a zero byte")
    }

    /// nil unless it is a whole number of Ki, Mi or Gi with at most six digits.
    private static func kibibytes(_ text: String) -> Int? {
        let units = ["Ki": 1, "Mi": 1 << 10, "Gi": 1 << 20]
        let digits = text.utf8.dropLast(2)
        guard let unit = units[String(text.suffix(2))], digits.first != UInt8(ascii: "0"), digits.count <= 6,
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = Int(text.dropLast(2))
        else { return nil }
        return number * unit
    }

    /// What the program's end means for the step; nil when it has succeeded.
    /// - Parameter words: what it wrote to standard error.
    func failure(_ cause: Subprocess.Ending.Cause, isTimedOut: Bool, _ words: String) -> StepError? {
        let end = words.count > 300 ? "…\(words.suffix(300))" : words
        let detail = end.isEmpty ? path : "\(path): \(end)"
        var error: StepError
        switch cause {
        case _ where isTimedOut: error = StepError(.permanent, "Timeout exceeded", detail: detail)
        case .exited(0): return nil
        case .exited(let code):
            let isTransient = transientExitCodes.contains(Int64(code))
            error = StepError(isTransient ? .transient : .permanent, "Exit code \(code)", detail: detail)
        case .signalled(SIGXCPU): error = StepError(.permanent, "CPU time exceeded", detail: detail)
        case .signalled(let signal): error = StepError(.permanent, "Ended by signal \(signal)", detail: detail)
        }
        // It has run, and nobody knows how far it came.
        error.hasHadEffect = true
        return error
    }

    // MARK: Schema and plan

    static var schema: JSONSchema {
        func duration(_ description: String) -> JSONSchema {
            var schema = JSONSchema(.string).with(\.description, description)
            asDuration(&schema)
            return schema
        }
        let codes = JSONSchema(.integer).with(\.minimum, 1).with(\.maximum, 255)
        var schema = JSONSchema(.object)
        schema.properties = [
            "command": command,
            "environment": environment,
            "workingDirectory": JSONSchema(.string).with(\.pattern, absolutePath).with(\.description, "Default /."),
            "stdin": SecretReference.textSchema("What it reads from standard input. Default: nothing."),
            "timeout": duration("Then it gets SIGTERM, and SIGKILL 5 s later. Default: that of the step."),
            "outputLimit": JSONSchema(.integer).with(\.minimum, 0).with(\.maximum, 262_144)
                .with(
                    \.description,
                    "How many bytes of standard output and error, together, are kept. Default \(defaultOutputLimit)."
                ),
            "memoryLimit": JSONSchema(.string).with(\.pattern, memory)
                .with(\.description, "Of address space, for each of its processes. Default \(defaultMemoryLimit)."),
            "cpuTimeLimit": duration("For each of its processes. Default \(defaultCPUTimeLimit)."),
            "transientExitCodes": JSONSchema(.array).with(\.items, [codes])
                .with(\.description, "Those after which another attempt makes sense. Default: none."),
        ]
        schema.required = ["command"]
        return schema
    }

    private static let absolutePath = JSONSchema.Pattern(
        "^/[\\s\\S]*$",
        meaning: "an absolute path",
        matches: { $0.hasPrefix("/") }
    )

    private static let memory = JSONSchema.Pattern(
        "^[1-9][0-9]{0,5}(Ki|Mi|Gi)$",
        meaning: "an amount of memory such as 256Mi",
        matches: { kibibytes($0) != nil }
    )

    private static var command: JSONSchema {
        let rule = JSONSchema.Rule(
            "self[0].startsWith('/')",
            message: "must begin with the absolute path of the program",
            holds: { $0[0]?.string?.hasPrefix("/") == true }
        )
        return JSONSchema(.array).with(\.items, [JSONSchema(.string)]).with(\.minItems, 1).with(\.rules, [rule])
            .with(\.description, "Path and arguments. Everybody on the machine can see them, so no secrets.")
    }

    private static var environment: JSONSchema {
        let rule = JSONSchema.Rule(
            "self.all(name, name.matches('^[A-Za-z_][A-Za-z0-9_]*$'))",
            message: "the names must be of letters, digits and _, and not begin with a digit",
            holds: { ($0.object ?? [:]).keys.allSatisfy(isVariableName) }
        )
        return JSONSchema(.object).with(\.additionalProperties, [SecretReference.textSchema()]).with(\.rules, [rule])
            .with(\.description, "All of it, beside PATH and HONUA_IDEMPOTENCY_KEY: nothing is inherited.")
    }

    private static func isVariableName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
    }

    static func plan(_ inputs: JSONValue, _ action: String) -> JSONValue {
        var names = Set((inputs["environment"]?.object ?? [:]).keys)
        names.formUnion(["PATH", "HONUA_IDEMPOTENCY_KEY"])
        var plan: JSONValue = [
            "would": .string(action), "command": inputs["command"] ?? [],
            "environment": .array(names.sorted().map { .string($0) }),
            "workingDirectory": inputs["workingDirectory"] ?? "/",
        ]
        if let reference = SecretReference(inputs["stdin"]) {
            plan["stdin"] = .string("\(reference)")
        } else if let text = inputs["stdin"]?.string {
            plan["stdinBytes"] = .int(Int64(text.utf8.count))
        }
        return plan
    }
}
