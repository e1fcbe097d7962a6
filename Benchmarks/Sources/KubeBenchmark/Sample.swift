import JSON
import KubeClient

/// An object like those that operators work on: some settings, a list of steps, labels, conditions.
struct Sample: KubeResource, Described {
    static let api = APIResource(group: "bench.honua.io", version: "v1", kind: "Sample", plural: "samples")

    var metadata = ObjectMeta()
    var spec = SampleSpec()
    var status: SampleStatus?

    static let about = "Something to measure."
    static let fields: [Field<Sample>] = [
        Field("metadata", \.metadata, "Standard object metadata."),
        Field("spec", \.spec, "What is wanted."),
        Field("status", \.status, "How far it is."),
    ]

    /// The path of the list of one namespace.
    static func path(namespace: String) -> String {
        "/apis/\(api.apiVersion)/namespaces/\(namespace)/\(api.plural)"
    }
}

struct SampleSpec: Described {
    var image = ""
    var replicas = 1
    var isSuspended = false
    var ratio: Double?
    var parameters: [String: String] = [:]
    var steps: [SampleStep] = []

    static let about = "What is wanted."
    static let fields: [Field<SampleSpec>] = [
        Field("image", \.image, "What runs."),
        Field("replicas", \.replicas, "How often."),
        Field("suspended", \.isSuspended, "Whether it rests."),
        Field("ratio", \.ratio, "How much of it."),
        Field("parameters", \.parameters, "By name."),
        Field("steps", \.steps, "In order."),
    ]
}

struct SampleStep: Described {
    var name = ""
    var action = ""
    var timeout = ""
    var needs: [String]?

    static let about = "A part of the work."
    static let fields: [Field<SampleStep>] = [
        Field("name", \.name, "Unique."),
        Field("action", \.action, "What is done."),
        Field("timeout", \.timeout, "For how long at most."),
        Field("needs", \.needs, "What comes before."),
    ]
}

struct SampleStatus: Described {
    var phase = ""
    var observedGeneration = 0
    var startTime: Timestamp?
    var conditions: [SampleCondition] = []

    static let about = "How far it is."
    static let fields: [Field<SampleStatus>] = [
        Field("phase", \.phase, "One word."),
        Field("observedGeneration", \.observedGeneration, "Of the spec."),
        Field("startTime", \.startTime, "When it began."),
        Field("conditions", \.conditions, "By type."),
    ]
}

struct SampleCondition: Described {
    var type = ""
    var status = ""
    var reason = ""
    var message = ""
    var lastTransitionTime: Timestamp?

    static let about = "One aspect of the state."
    static let fields: [Field<SampleCondition>] = [
        Field("type", \.type, "The aspect."),
        Field("status", \.status, "True, False or Unknown."),
        Field("reason", \.reason, "One word."),
        Field("message", \.message, "A sentence."),
        Field("lastTransitionTime", \.lastTransitionTime, "When it changed."),
    ]
}
