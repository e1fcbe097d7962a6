internal import JSON
internal import KubeClient
internal import Workflows

/// What applying manifests would change.
struct ApplyPlan: Sendable {
    /// What an object would be.
    enum Expectation: Sendable {
        /// As the server says.
        case object(DynamicObject)
        /// As the manifest says: the server cannot tell before the kind or the namespace is there.
        case unchecked(DynamicObject)
        /// It would be deleted.
        case gone
    }

    /// What would become of one object.
    struct Change: Sendable {
        let reference: ObjectReference
        let action: String
        let diff: ObjectDiff
        let result: JSONValue

        init(_ reference: ObjectReference, _ current: DynamicObject?, _ expectation: Expectation) {
            self.reference = reference
            switch expectation {
            case .object(let object):
                // The key of the step is in each of its objects, and is no change that anybody wants to read.
                let (old, new) = (current.map(Self.withoutMarks), Self.withoutMarks(object))
                diff = ObjectDiff(old, new)
                action = current == nil ? "create" : diff.lines.isEmpty ? "unchanged" : "change"
                result = new.comparable.withoutGeneratedJobFields
            case .unchecked(let object):
                diff = ObjectDiff(current, Self.withoutMarks(object))
                action = "create"
                result = Self.withoutMarks(object).comparable
            case .gone:
                diff = ObjectDiff(nil, nil)
                action = "prune"
                result = .null
            }
        }

        private static func withoutMarks(_ object: DynamicObject) -> DynamicObject {
            var object = object
            object.content["metadata"]?["labels"]?[Ownership.processLabel] = nil
            for annotation in [Ownership.stepAnnotation, Ownership.keyAnnotation] {
                object.content["metadata"]?["annotations"]?[annotation] = nil
            }
            for member in ["labels", "annotations"] where object.content["metadata"]?[member] == [:] {
                object.content["metadata"]?[member] = nil
            }
            return object
        }
    }

    let changes: [Change]

    /// Identifies what the objects would be: 64 hexadecimal digits. Equal plans have equal digests.
    var digest: String {
        let whole = JSONValue.array(
            changes.map { ["object": .string("\($0.reference)"), "action": .string($0.action), "result": $0.result] }
        )
        return Digest.sha256(whole.serialized())
    }

    var json: JSONValue {
        let objects = changes.map { change -> JSONValue in
            [
                "object": .string("\(change.reference)"), "action": .string(change.action),
                "changes": .array(change.diff.lines.map { .string($0) }),
            ]
        }
        return ["would": "apply", "objects": .array(objects), "digest": .string(digest)]
    }
}
