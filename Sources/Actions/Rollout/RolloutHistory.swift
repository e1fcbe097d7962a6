internal import JSON
internal import KubeClient
internal import Workflows

/// The Pod templates a workload has had, as its controller keeps them.
///
/// A Deployment's are in its ReplicaSets, those of a StatefulSet or DaemonSet in ControllerRevisions. How many are kept
/// is the workload's `spec.revisionHistoryLimit`, 10 unless it says otherwise.
struct RolloutHistory {
    /// One template and its number. A template that is used again gets the next number.
    struct Revision {
        let number: Int64
        let template: JSONValue
    }

    private let reference: ObjectReference
    /// The newest one, which is the present one, last.
    let revisions: [Revision]

    /// Reads the history of a workload that its controller has seen.
    init(of object: DynamicObject, _ reference: ObjectReference, in client: KubeClient) async throws {
        let isDeployment = reference.kind == "Deployment"
        let keepers = try await client.resources(
            apiVersion: "apps/v1",
            kind: isDeployment ? "ReplicaSet" : "ControllerRevision",
            namespace: reference.namespace
        )
        // What the labels leave in beyond that, the owner sorts out.
        let labels = object.content[path: "spec", "selector", "matchLabels"]?.object ?? [:]
        let selector = labels.sorted { $0.key < $1.key }.map { "\($0)=\($1.string ?? "")" }.joined(separator: ",")
        let owned = try await keepers.list(Selection(labelSelector: selector.isEmpty ? nil : selector)).items.filter {
            $0.metadata.controllingOwner?.uid == object.metadata.uid
        }
        self.reference = reference
        revisions = owned.compactMap { isDeployment ? Self.replicaSet($0) : Self.controllerRevision($0) }
            .sorted { $0.number < $1.number }
    }

    private static func replicaSet(_ object: DynamicObject) -> Revision? {
        guard let number = object.metadata.annotations?["deployment.kubernetes.io/revision"].flatMap({ Int64($0) }),
            var template = object.content[path: "spec", "template"]
        else { return nil }
        // The controller gives each ReplicaSet one of its own.
        template["metadata"]?["labels"]?["pod-template-hash"] = nil
        return Revision(number: number, template: template)
    }

    private static func controllerRevision(_ object: DynamicObject) -> Revision? {
        guard let number = object.content["revision"]?.int,
            let template = object.content[path: "data", "spec", "template"]
        else { return nil }
        return Revision(number: number, template: template)
    }

    /// The revision of a number, or the one before the present one.
    /// - Throws: a permanent `StepError` when there is none.
    func revision(_ number: Int64?) throws(StepError) -> Revision {
        guard let number else {
            guard let former = revisions.dropLast().last else {
                throw StepError(
                    .permanent,
                    "No former revision",
                    detail: "\(reference) has no revision to go back to; it has \(list)"
                )
            }
            return former
        }
        guard let found = revisions.first(where: { $0.number == number }) else {
            throw StepError(
                .permanent,
                "No such revision",
                detail: "\(reference) has no revision \(number); it has \(list)"
            )
        }
        return found
    }

    private var list: String {
        revisions.isEmpty ? "none" : revisions.map { "\($0.number)" }.joined(separator: ", ")
    }
}
