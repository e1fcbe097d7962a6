internal import JSON
internal import KubeClient
internal import Workflows

/// How an object was before a step changed it.
struct FormerObject: Sendable {
    let reference: ObjectReference
    /// nil when there was none.
    let content: JSONValue?
    /// Of a Secret it is only known that it was there: its content is never stored.
    let isHidden: Bool
    /// Identity of the object that was there.
    let uid: String?

    /// What is there now.
    init(of reference: ObjectReference, _ object: DynamicObject?) {
        self.reference = reference
        uid = object?.metadata.uid
        isHidden = object != nil && reference.kind == "Secret" && reference.apiVersion == "v1"
        content = isHidden ? nil : object?.content
    }

    /// Whether there was an object.
    var existed: Bool { uid != nil }
}

extension FormerObject {
    /// For the inputs of `restore`.
    var json: JSONValue {
        var json = reference.json
        if let uid { json["uid"] = .string(uid) }
        if let content {
            var content = content
            content["status"] = nil
            json["former"] = content
        }
        if isHidden { json["hidden"] = true }
        return json
    }

    /// From the inputs of `restore`.
    init(_ json: JSONValue) {
        reference = ObjectReference(json: json)
        uid = json["uid"]?.string
        content = json["former"]
        isHidden = json["hidden"]?.bool ?? false
    }

    /// The inputs with which `restore` undoes what a step is about to do, in the order in which it does it.
    static func undo(_ objects: [FormerObject], _ context: StepContext) -> JSONValue {
        ["key": .string(context.idempotencyKey), "objects": .array(objects.map(\.json))]
    }

    /// What an earlier attempt has recorded; nil when this is the first.
    static func recorded(_ context: StepContext) -> [FormerObject]? {
        context.recordedUndo?["objects"]?.array?.map(FormerObject.init)
    }
}
