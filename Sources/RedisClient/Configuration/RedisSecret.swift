/// A password that prints as `***`, also through `dump` and as a member of other values.
public struct RedisSecret: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible,
    CustomDebugStringConvertible, CustomReflectable
{
    /// The password itself, for the one place that sends it.
    let plainText: String

    /// Wraps a password.
    public init(_ plainText: String) {
        self.plainText = plainText
    }

    /// Wraps a password written in the source, as tests do.
    public init(stringLiteral value: String) {
        self.init(value)
    }

    /// Always `***`.
    public var description: String { "***" }

    /// Always `***`.
    public var debugDescription: String { "***" }

    /// A mirror without children.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
