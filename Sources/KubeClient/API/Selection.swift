/// Which objects of a list or watch are wanted.
public struct Selection: Sendable, Hashable {
    /// For example `app=web,tier!=test`.
    public var labelSelector: String?
    /// For example `metadata.name=deploy`.
    public var fieldSelector: String?

    /// Everything, unless narrowed.
    public init(labelSelector: String? = nil, fieldSelector: String? = nil) {
        self.labelSelector = labelSelector
        self.fieldSelector = fieldSelector
    }

    var query: [(String, String)] {
        [("labelSelector", labelSelector), ("fieldSelector", fieldSelector)].compactMap { name, value in
            value.map { (name, $0) }
        }
    }
}
