public import JSON

/// What a write asked for, so that an observer can tell it from what others have changed.
public enum WriteIntent: Sendable {
    /// A new object.
    case create
    /// A change of this version of the object, and of no other; empty when a replacement named none.
    case conditional(version: String)
    /// The object merged with this (RFC 7396). An apply counts as such a merge: where it means something else, what was
    /// stored differs from what the merge gives.
    case merge(JSONValue)
    /// Something whose result is not known here.
    case other
}
