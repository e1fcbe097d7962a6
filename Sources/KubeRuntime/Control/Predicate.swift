public import KubeClient

/// Which changes lead to a reconcile.
public struct Predicate<Object: KubeObject>: Sendable {
    /// Whether this change does.
    public let allows: @Sendable (StoreChange<Object>) -> Bool

    /// Any rule.
    public init(_ allows: @escaping @Sendable (StoreChange<Object>) -> Bool) { self.allows = allows }

    /// Every change.
    public static var any: Predicate { Predicate { _ in true } }

    /// Changes of what the user wants, of finalizers, and deletion; not of status or managed fields. For kinds with a
    /// status subresource, whose `generation` counts changes of the spec.
    public static var generationChanged: Predicate {
        Predicate { change in
            guard case .updated(let old, let new) = change else { return true }
            return old.metadata.generation != new.metadata.generation || old.metadata.generation == nil
                || old.metadata.deletionTimestamp != new.metadata.deletionTimestamp
                || old.metadata.finalizers != new.metadata.finalizers
        }
    }

    /// Changes of labels or annotations.
    public static var labelsOrAnnotationsChanged: Predicate {
        Predicate { change in
            guard case .updated(let old, let new) = change else { return true }
            return old.metadata.labels != new.metadata.labels || old.metadata.annotations != new.metadata.annotations
        }
    }

    /// Changes of objects with this label.
    public static func label(_ name: String, _ value: String) -> Predicate {
        Predicate { change in
            if case .updated(let old, _) = change, old.metadata.labels?[name] == value { return true }
            return change.object.metadata.labels?[name] == value
        }
    }

    /// What both allow.
    public static func && (left: Predicate, right: Predicate) -> Predicate {
        Predicate { left.allows($0) && right.allows($0) }
    }

    /// What either allows.
    public static func || (left: Predicate, right: Predicate) -> Predicate {
        Predicate { left.allows($0) || right.allows($0) }
    }

    /// What this one does not allow.
    public static prefix func ! (predicate: Predicate) -> Predicate { Predicate { !predicate.allows($0) } }
}
