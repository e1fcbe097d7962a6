/// A connection string that cannot be used.
///
/// The text names the option and what it should hold. It never repeats what was found there: with a comma in a
/// password, a piece of the password can end up in any place of the string.
public struct RedisConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The option as documented, such as `connectTimeout`; `endpoint` for a host and port; `URL` for the form as such.
    public let option: String
    /// What is wrong and what would be right.
    public let problem: String

    /// One line with the option and the problem.
    public var description: String {
        switch option {
        case "endpoint", "URL": "Redis connection string: \(problem)"
        default: "Redis connection string, option \"\(option)\": \(problem)"
        }
    }
}
