public import JSON

/// Whether processes can use the template.
public struct HonuaProcessTemplateStatus: Described, Hashable {
    public var observedGeneration: Int?
    public var hash: String?
    public var conditions: [Condition]?

    /// Nothing seen yet.
    public init() {}

    public static let about = "Whether processes can use the template."
    public static let fields: [Field<HonuaProcessTemplateStatus>] = [
        Field("observedGeneration", \.observedGeneration, "The generation of the spec this speaks of; -1 for none."),
        Field("hash", \.hash, "Identifies the content of the definition; absent while it is not valid."),
        Field("conditions", \.conditions, "For kubectl wait and other machines.") { $0.listMapKey = "type" },
    ]
}
