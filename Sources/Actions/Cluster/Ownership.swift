internal import JSON
internal import KubeClient
internal import Workflows

/// How objects say which step has made them.
///
/// By a label and annotations, never by owner references: what a process has made outlives the process's resource.
enum Ownership {
    /// The id of the process, to select by.
    static let processLabel = "honua.io/process"
    /// The step's name.
    static let stepAnnotation = "honua.io/step"
    /// The idempotency key of the step's effect: who finds its own key has been here before.
    static let keyAnnotation = "honua.io/key"
    /// As whom fields are managed in server-side apply. One for all processes, so that a later one goes on where an earlier
    /// one has ended.
    static let fieldManager = "honua"

    /// The object with the marks of a step.
    static func marked(_ object: DynamicObject, for context: StepContext) -> DynamicObject {
        var object = object
        var labels = object.content[path: "metadata", "labels"] ?? [:]
        labels[processLabel] = .string(context.processID)
        var annotations = object.content[path: "metadata", "annotations"] ?? [:]
        annotations[stepAnnotation] = .string(context.step)
        annotations[keyAnnotation] = .string(context.idempotencyKey)
        object.content["metadata"]?["labels"] = labels
        object.content["metadata"]?["annotations"] = annotations
        return object
    }

    /// Whether any process has made or taken over the object.
    static func isMarked(_ object: DynamicObject) -> Bool { object.metadata.labels?[processLabel] != nil }

    /// Whether the effect of this key is in the object.
    static func key(of object: DynamicObject) -> String? { object.metadata.annotations?[keyAnnotation] }
}
