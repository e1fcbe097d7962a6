/// The types of conditions that a HonuaProcessTemplate carries.
public enum HonuaProcessTemplateCondition {
    /// True when processes can use the template.
    public static let ready = "Ready"

    /// All of them. Conditions of other types belong to somebody else and are left alone.
    public static let all: Set<String> = [ready]
}

/// Why a HonuaProcessTemplate is ready or not.
public enum HonuaProcessTemplateReason: String, Sendable, Hashable {
    /// The definition can be run.
    case valid = "Valid"
    /// It cannot; the message names the fields.
    case invalidSpec = "InvalidSpec"
}
