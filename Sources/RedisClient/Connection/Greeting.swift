/// What is said on a new connection before anything else: `AUTH`, `CLIENT SETNAME`, `SELECT`, `PING`.
///
/// All of it is sent at once. No I/O of its own.
struct Greeting {
    private enum Step {
        case authenticate, setName, select, ping
    }

    private let configuration: RedisConfiguration
    private let endpoint: RedisEndpoint
    private var expected: [Step] = []
    private(set) var output = OutputBuffer()
    private var heardNothing = true
    /// An error that was let pass. If the connection ends before the greeting does, it is the likely reason.
    private var tolerated: RedisReplyError?

    init(_ configuration: RedisConfiguration, _ endpoint: RedisEndpoint) throws(RedisError) {
        self.configuration = configuration
        self.endpoint = endpoint
        if let user = configuration.user {
            let password = configuration.password?.plainText ?? ""
            try add(.authenticate, ["AUTH", RedisArgument(user), RedisArgument(password)])
        } else if let password = configuration.password {
            try add(.authenticate, ["AUTH", RedisArgument(password.plainText)])
        }
        if !configuration.clientName.isEmpty {
            try add(.setName, ["CLIENT", "SETNAME", RedisArgument(configuration.clientName)])
        }
        if configuration.defaultDatabase != 0 {
            try add(.select, ["SELECT", RedisArgument(configuration.defaultDatabase)])
        }
        // A server that still loads its data takes all of the above and refuses commands; only this finds out.
        try add(.ping, ["PING"])
        expected.reverse()
    }

    private mutating func add(_ step: Step, _ command: [RedisArgument]) throws(RedisError) {
        expected.append(step)
        output.append(try CommandBytes(command))
    }

    var isFinished: Bool { expected.isEmpty }

    mutating func flush(to transport: Transport) throws(TransferFailure) {
        try output.flush(to: transport)
    }

    /// Takes the next reply.
    mutating func accept(_ reply: RedisValue) throws(RedisConnectionFailure) {
        heardNothing = false
        guard let step = expected.popLast() else {
            throw RedisConnectionFailure(.protocolViolation, endpoint, "the server sent a reply to nothing.")
        }
        guard case .error(let error) = reply else { return }
        switch (step, error.code) {
        case (_, "NOAUTH"):
            let help =
                configuration.password == nil
                ? "The server wants a password; set \(passwordOption)= "
                    + "(and \(userOption)= for an ACL user) in the connection string."
                : "The server did not accept the password."
            throw RedisConnectionFailure(.authentication, endpoint, "NOAUTH authentication is required. \(help)")
        case (.authenticate, _):
            throw RedisConnectionFailure(.authentication, endpoint, explain(error))
        case (.select, _):
            throw RedisConnectionFailure(
                .refusedByServer,
                endpoint,
                "SELECT \(configuration.defaultDatabase) (defaultDatabase): \(error)"
            )
        case (_, "LOADING"), (_, "MASTERDOWN"), (_, "DENIED"):
            throw RedisConnectionFailure(.refusedByServer, endpoint, "\(error)")
        default:
            // An ACL may forbid CLIENT or PING to a user whose commands work all the same.
            tolerated = error
        }
    }

    /// Adds what the server said just before the connection ended, or what it means that it said nothing.
    func explain(_ failure: RedisConnectionFailure) -> RedisConnectionFailure {
        if let tolerated {
            return RedisConnectionFailure(failure.reason, endpoint, "\(failure.detail) It had said: \(tolerated)")
        }
        guard heardNothing, configuration.tls == nil, [.network, .closedByServer].contains(failure.reason) else {
            return failure
        }
        let hint = "It had not answered at all. If this port speaks TLS, set ssl=true."
        return RedisConnectionFailure(failure.reason, endpoint, "\(failure.detail) \(hint)")
    }

    private var passwordOption: String { configuration.passwordOption }
    private var userOption: String { passwordOption == "password" ? "user" : "sentinelUser" }

    /// Only answers known not to quote the password are repeated.
    private func explain(_ error: RedisReplyError) -> String {
        let message = error.message
        if error.code == "WRONGPASS" || error.code == "NOPERM" {
            return "\(message). Check \(userOption)= and \(passwordOption)=."
        }
        if message.contains("without any password configured") {
            return "the server has no password configured for the default user, but the connection string has one."
        }
        if message.contains("invalid password") { return "ERR invalid password. Check \(passwordOption)=." }
        if message.contains("max number of clients") { return "ERR max number of clients reached." }
        if error.code == "LOADING" || error.code == "DENIED" { return message }
        return
            "AUTH was answered with an error (\(error.code.prefix(20))). Check \(userOption)= and \(passwordOption)=."
    }
}
