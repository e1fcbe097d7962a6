internal import JSON
internal import KubeClient
internal import Workflows

/// The Job of a step.
struct JobManifest: Sendable {
    let reference: ObjectReference
    let object: DynamicObject

    init(_ inputs: JSONValue, _ context: StepContext) throws {
        reference = ObjectReference(
            apiVersion: "batch/v1",
            kind: "Job",
            namespace: context.objectNamespace,
            name: Self.name(context)
        )
        var spec: JSONValue = ["backoffLimit": inputs["backoffLimit"] ?? 0]
        if let limit = inputs["timeout"]?.string.flatMap({ Duration(text: $0) }) {
            spec["activeDeadlineSeconds"] = .int(max(1, limit.components.seconds))
        }
        spec["ttlSecondsAfterFinished"] = inputs["ttlAfterFinished"]
        spec["template"] = try Self.template(inputs, context)
        object = Ownership.marked(
            try DynamicObject(json: [
                "apiVersion": "batch/v1", "kind": "Job",
                "metadata": ["name": .string(reference.name), "namespace": .string(context.objectNamespace)],
                "spec": spec,
            ]),
            for: context
        )
    }

    /// The step's name as far as names of objects allow, and enough of the key to be another one in each run.
    private static func name(_ context: StepContext) -> String {
        var name = ""
        for character in context.step.lowercased() {
            let isPlain = character.isASCII && (character.isLetter || character.isNumber)
            if isPlain { name.append(character) } else if !name.isEmpty, name.last != "-" { name.append("-") }
        }
        name = String(name.prefix(40))
        while name.last == "-" { name.removeLast() }
        // Labels of Pods carry the name, and have 63 characters at most.
        return "\(name.isEmpty ? "step" : name)-\(Digest.sha256(Array(context.idempotencyKey.utf8)).prefix(10))"
    }

    private static func template(_ inputs: JSONValue, _ context: StepContext) throws(StepError) -> JSONValue {
        var template: JSONValue
        switch (inputs["template"], inputs["image"]?.string) {
        case (let whole?, nil): template = whole
        case (nil, let image?):
            var container: JSONValue = ["name": "main", "image": .string(image)]
            for member in ["command", "args", "env", "resources"] { container[member] = inputs[member] }
            template = ["spec": ["containers": [container]]]
        default:
            throw StepError(
                .permanent,
                StepError.invalidConfiguration,
                detail: "with: give either an image or a template"
            )
        }
        guard case .object = template["spec"] ?? .null else {
            throw StepError(.permanent, StepError.invalidConfiguration, detail: "with.template.spec is missing")
        }
        if template[path: "spec", "restartPolicy"] == nil { template["spec"]?["restartPolicy"] = "Never" }
        template["spec"]?["serviceAccountName"] = .string(context.serviceAccountName ?? "")
        var labels = template[path: "metadata", "labels"] ?? [:]
        labels[Ownership.processLabel] = .string(context.processID)
        if template["metadata"] == nil { template["metadata"] = [:] }
        template["metadata"]?["labels"] = labels
        return template
    }
}

/// How a Job has ended.
struct JobEnd: Sendable {
    let isComplete: Bool
    let reason: String

    /// nil while it runs.
    init?(_ job: DynamicObject) {
        let conditions = job.content[path: "status", "conditions"]?.array ?? []
        let ends = conditions.filter { $0["status"]?.string == "True" }
        guard let end = ends.first(where: { ["Complete", "Failed"].contains($0["type"]?.string) }) else { return nil }
        isComplete = end["type"]?.string == "Complete"
        reason = [end["reason"]?.string, end["message"]?.string].compactMap(\.self).filter { !$0.isEmpty }
            .joined(separator: ": ")
    }
}

/// A Pod of a Job.
struct JobPod: Sendable {
    let name: String
    let created: String
    /// `exitCode`, `message`, `reason` of its first container that has ended.
    let terminated: JSONValue?

    init(_ pod: DynamicObject) {
        name = pod.metadata.name
        created = pod.content[path: "metadata", "creationTimestamp"]?.string ?? ""
        terminated =
            (pod.content[path: "status", "containerStatuses"]?.array ?? [])
            .compactMap { $0[path: "state", "terminated"] }.first
    }
}
