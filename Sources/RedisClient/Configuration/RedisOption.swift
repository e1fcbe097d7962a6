/// The options of a connection string, by their documented names.
enum RedisOption: String, CaseIterable {
    case user, password, ssl, sslHost, abortConnect, connectTimeout, syncTimeout, connectRetry, keepAlive
    case serviceName, sentinelUser, sentinelPassword, defaultDatabase, allowAdmin

    var isSecret: Bool { self == .password || self == .sentinelPassword }

    private static let byLowercaseName = Dictionary(
        uniqueKeysWithValues: allCases.map { ($0.rawValue.lowercased(), $0) }
    )

    init?(anyCase name: Substring) {
        guard let option = Self.byLowercaseName[name.lowercased()] else { return nil }
        self = option
    }
}

/// Reads one option after the other and collects warnings.
struct RedisOptionReader {
    private var seen: Set<RedisOption> = []
    /// The last known option was the password: what follows and is not understood may be a piece of it.
    private var followsPassword = false

    var sawPassword: Bool { seen.contains(where: \.isSecret) }

    mutating func read(
        _ name: Substring,
        _ value: Substring,
        into result: inout RedisConnectionString
    ) throws(RedisConfigurationError) {
        guard let option = RedisOption(anyCase: name) else {
            result.warnings.append(
                followsPassword
                    ? "The Redis connection string has an unknown option after the password; it is ignored. If the "
                        + "password contains a comma, use the form redis://:password@host:port with %2C for the comma."
                    : "The Redis connection string has an unknown option \(Self.printable(name)); it is ignored."
            )
            return
        }
        if !seen.insert(option).inserted {
            result.warnings.append("The Redis connection string has \(option.rawValue) twice; the last one counts.")
        }
        followsPassword = option.isSecret
        try set(option, String(value), in: &result)
    }

    /// A name of letters, as all options have. Anything else may be a piece of a secret that got here by a slip.
    private static func printable(_ name: Substring) -> String {
        let isName = (1...40).contains(name.utf8.count) && name.allSatisfy { $0.isASCII && $0.isLetter }
        return isName ? "\"\(name)\"" : "(its name is not made of letters and is not shown)"
    }

    private func set(
        _ option: RedisOption,
        _ value: String,
        in result: inout RedisConnectionString
    ) throws(RedisConfigurationError) {
        switch option {
        case .user: result.user = value.isEmpty ? nil : value
        case .password: result.password = value.isEmpty ? nil : RedisSecret(value)
        case .ssl: result.ssl = try flag(value, option)
        case .sslHost: result.sslHost = value.isEmpty ? nil : value
        case .abortConnect: result.abortConnect = try flag(value, option)
        case .connectTimeout: result.connectTimeout = try milliseconds(value, option)
        case .syncTimeout: result.syncTimeout = try milliseconds(value, option)
        case .connectRetry: result.connectRetry = try number(value, option, in: 0...1000, unit: "")
        case .keepAlive:
            // -1 is how StackExchange.Redis writes "the default".
            let seconds = try number(value, option, in: -1...86_400, unit: " of seconds")
            result.keepAlive = seconds < 0 ? nil : .seconds(seconds)
        case .serviceName: result.serviceName = value.isEmpty ? nil : value
        case .sentinelUser: result.sentinelUser = value.isEmpty ? nil : value
        case .sentinelPassword: result.sentinelPassword = value.isEmpty ? nil : RedisSecret(value)
        case .defaultDatabase: result.defaultDatabase = try number(value, option, in: 0...Int(Int32.max), unit: "")
        case .allowAdmin: result.allowAdmin = try flag(value, option)
        }
    }

    private func flag(_ value: String, _ option: RedisOption) throws(RedisConfigurationError) -> Bool {
        // The spellings StackExchange.Redis takes.
        switch value.lowercased() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw RedisConfigurationError(option: option.rawValue, problem: "expected true or false.")
        }
    }

    private func milliseconds(_ value: String, _ option: RedisOption) throws(RedisConfigurationError) -> Duration {
        .milliseconds(try number(value, option, in: 1...86_400_000, unit: " of milliseconds"))
    }

    private func number(
        _ value: String,
        _ option: RedisOption,
        in range: ClosedRange<Int>,
        unit: String
    ) throws(RedisConfigurationError) -> Int {
        guard let number = Int(value), range.contains(number) else {
            throw RedisConfigurationError(
                option: option.rawValue,
                problem: "expected a whole number\(unit) from \(range.lowerBound) to \(range.upperBound)."
            )
        }
        return number
    }
}
