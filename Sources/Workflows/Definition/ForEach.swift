public import JSON

/// Runs a step once for each element of a list.
public struct ForEach: Described, Hashable {
    /// A list, or an expression that gives one.
    public var items: JSONValue = .array([])
    /// How many elements are worked on at once; the process's own limit holds as well.
    public var parallelism: Int?

    /// How many elements a list may have.
    public static let maximumItems = 10_000

    /// An empty list.
    public init() {}

    /// A list, all of it at once.
    public init(_ items: JSONValue, parallelism: Int? = nil) {
        self.items = items
        self.parallelism = parallelism
    }

    public static let about = "Runs the step once for each element of a list."
    public static let fields: [Field<ForEach>] = [
        Field("items", \.items, "A list, or ${{ an expression }} that gives one.", isRequired: true),
        Field("parallelism", \.parallelism, "How many elements at once. Default: the limit of the process.") {
            $0.minimum = 1
        },
    ]
}
