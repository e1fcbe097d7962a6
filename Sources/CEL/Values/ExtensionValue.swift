/// A value of a library beyond the language itself.
public enum ExtensionValue: Sendable { case x
    /// The type's name, as `type(value)` gives it.
    public var type: ValueType { ValueType("x") }
    public var text: String? { nil }
    func equals(_ other: ExtensionValue) -> Bool { false }
}
