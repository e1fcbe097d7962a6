import JSON
import Testing

@testable import Actions

/// Objects as API servers answer them, and whether they are ready. Pure.
struct ReadinessTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let object: JSONValue
        let isReady: Readiness.Kind

        init(_ about: String, _ kind: String, _ object: JSONValue, _ isReady: Readiness.Kind) {
            let parts = kind.split(separator: " ").map(String.init)
            testDescription = "\(kind): \(about)"
            let names: JSONValue = ["apiVersion": .string(parts[0]), "kind": .string(parts[1])]
            self.object = names.merging(object)
            self.isReady = isReady
        }
    }

    @Test(arguments: common + pods + jobs + others) func `an object is ready by the rules of its kind`(_ test: Case) {
        #expect(Readiness(of: test.object).kind == test.isReady)
    }

    @Test(arguments: deployments + statefulSets + daemonSets + replicaSets)
    func `a workload is ready when its controller has seen it and its replicas are there`(_ test: Case) {
        #expect(Readiness(of: test.object).kind == test.isReady)
    }

    @Test func `a reason says what is missing`() {
        let object = Self.deployment(["status": ["availableReplicas": 1]])
        #expect(Readiness(of: object) == .inProgress("1 of 3 updated replicas available"))
        let stalled: JSONValue = [
            "apiVersion": "a.dev/v1", "kind": "A",
            "status": Self.conditions(["type": "Stalled", "status": "True", "reason": "Bad", "message": "no disk"]),
        ]
        #expect(Readiness(of: stalled) == .failed("Stalled is True: Bad: no disk"))
    }

    // MARK: Tables

    private static func conditions(_ conditions: JSONValue...) -> JSONValue { ["conditions": .array(conditions)] }
    private static func condition(_ type: String, _ status: String = "True", _ reason: String = "Because") -> JSONValue
    {
        ["type": .string(type), "status": .string(status), "reason": .string(reason)]
    }

    private static let common: [Case] = [
        Case("no status", "a.dev/v1 Widget", [:], .ready),
        Case(
            "being deleted",
            "a.dev/v1 Widget",
            ["metadata": ["deletionTimestamp": "2026-01-01T00:00:00Z"]],
            .terminating
        ),
        Case(
            "being deleted, though stalled",
            "a.dev/v1 Widget",
            [
                "metadata": ["deletionTimestamp": "2026-01-01T00:00:00Z"],
                "status": conditions(condition("Stalled")),
            ],
            .terminating
        ),
        Case(
            "old status",
            "a.dev/v1 Widget",
            ["metadata": ["generation": 2], "status": ["observedGeneration": 1]],
            .inProgress
        ),
        Case(
            "old status that says stalled",
            "a.dev/v1 Widget",
            [
                "metadata": ["generation": 2],
                "status": ["observedGeneration": 1, "conditions": [condition("Stalled")]],
            ],
            .inProgress
        ),
        Case("no observedGeneration", "a.dev/v1 Widget", ["metadata": ["generation": 2], "status": ["x": 1]], .ready),
        Case("reconciling", "a.dev/v1 Widget", ["status": conditions(condition("Reconciling"))], .inProgress),
        Case("stalled", "a.dev/v1 Widget", ["status": conditions(condition("Stalled"))], .failed),
        Case("not stalled", "a.dev/v1 Widget", ["status": conditions(condition("Stalled", "False"))], .ready),
        Case("Ready", "a.dev/v1 Widget", ["status": conditions(condition("Ready"))], .ready),
        Case("not Ready", "a.dev/v1 Widget", ["status": conditions(condition("Ready", "False"))], .inProgress),
        Case("Ready unknown", "a.dev/v1 Widget", ["status": conditions(condition("Ready", "Unknown"))], .inProgress),
        Case("a kind of the same name elsewhere", "a.dev/v1 Deployment", ["status": ["replicas": 0]], .ready),
        Case("status of a strange form", "a.dev/v1 Widget", ["status": ["conditions": "none"]], .ready),
        Case("counts of a strange form", "apps/v1 Deployment", ["status": ["replicas": "three"]], .inProgress),
    ]

    private static func deployment(_ change: JSONValue) -> JSONValue {
        let whole: JSONValue = [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["generation": 4],
            "spec": ["replicas": 3, "progressDeadlineSeconds": 600],
            "status": [
                "observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3,
                "readyReplicas": 3,
                "conditions": [condition("Progressing", "True", "NewReplicaSetAvailable"), condition("Available")],
            ],
        ]
        return whole.merging(change)
    }

    private static func deployment(_ about: String, _ change: JSONValue, _ isReady: Readiness.Kind) -> Case {
        Case(about, "apps/v1 Deployment", deployment(change), isReady)
    }

    private static let deployments: [Case] = [
        deployment("rolled out", [:], .ready),
        deployment("not seen", ["status": ["observedGeneration": .null]], .inProgress),
        deployment("no status at all", ["status": .null], .inProgress),
        deployment("too few", ["status": ["replicas": 2]], .inProgress),
        deployment("too few updated", ["status": ["updatedReplicas": 2]], .inProgress),
        deployment("old ones still there", ["status": ["replicas": 4]], .inProgress),
        deployment("too few available", ["status": ["availableReplicas": 2]], .inProgress),
        deployment("too few ready", ["status": ["readyReplicas": 2]], .inProgress),
        deployment("no replicas wanted said: one", ["spec": ["replicas": .null]], .inProgress),
        deployment(
            "none wanted",
            [
                "spec": ["replicas": 0],
                "status": [
                    "replicas": .null, "updatedReplicas": .null, "availableReplicas": .null, "readyReplicas": .null,
                ],
            ],
            .ready
        ),
        deployment(
            "deadline exceeded",
            ["status": conditions(condition("Progressing", "False", "ProgressDeadlineExceeded"))],
            .failed
        ),
        deployment(
            "deadline exceeded before the present spec",
            [
                "metadata": ["generation": 5],
                "status": conditions(condition("Progressing", "False", "ProgressDeadlineExceeded")),
            ],
            .inProgress
        ),
        deployment(
            "still progressing",
            ["status": conditions(condition("Progressing", "True", "ReplicaSetUpdated"), condition("Available"))],
            .inProgress
        ),
        deployment(
            "without a deadline it does not say",
            ["spec": ["progressDeadlineSeconds": .null], "status": conditions(condition("Available"))],
            .ready
        ),
        deployment(
            "not available",
            [
                "status": conditions(
                    condition("Progressing", "True", "NewReplicaSetAvailable"),
                    condition("Available", "False")
                )
            ],
            .inProgress
        ),
    ]

    private static func statefulSet(_ about: String, _ change: JSONValue, _ isReady: Readiness.Kind) -> Case {
        let whole: JSONValue = [
            "metadata": ["generation": 2],
            "spec": ["replicas": 3, "updateStrategy": ["type": "RollingUpdate", "rollingUpdate": ["partition": 0]]],
            "status": [
                "observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "currentReplicas": 3, "updatedReplicas": 3,
                "currentRevision": "b", "updateRevision": "b",
            ],
        ]
        return Case(about, "apps/v1 StatefulSet", whole.merging(change), isReady)
    }

    private static let statefulSets: [Case] = [
        statefulSet("rolled out", [:], .ready),
        statefulSet("not seen", ["status": ["observedGeneration": .null]], .inProgress),
        statefulSet("too few", ["status": ["replicas": 2]], .inProgress),
        statefulSet("too few ready", ["status": ["readyReplicas": 2]], .inProgress),
        statefulSet("too many", ["status": ["replicas": 4]], .inProgress),
        statefulSet("some of the old revision", ["status": ["currentReplicas": 1]], .inProgress),
        statefulSet("revisions differ", ["status": ["updateRevision": "c"]], .inProgress),
        statefulSet(
            "updated from the partition on",
            [
                "spec": ["updateStrategy": ["rollingUpdate": ["partition": 2]]],
                "status": ["updatedReplicas": 1, "currentReplicas": 2, "updateRevision": "c"],
            ],
            .ready
        ),
        statefulSet(
            "not updated from the partition on",
            [
                "spec": ["updateStrategy": ["rollingUpdate": ["partition": 1]]],
                "status": ["updatedReplicas": 1, "currentReplicas": 2, "updateRevision": "c"],
            ],
            .inProgress
        ),
        statefulSet(
            "a partition above all of them",
            [
                "spec": ["updateStrategy": ["rollingUpdate": ["partition": 9]]],
                "status": ["updatedReplicas": 0, "updateRevision": "c"],
            ],
            .ready
        ),
        statefulSet(
            "OnDelete: revisions are the user's",
            ["spec": ["updateStrategy": ["type": "OnDelete"]], "status": ["updateRevision": "c"]],
            .ready
        ),
        statefulSet(
            "OnDelete: replicas count",
            ["spec": ["updateStrategy": ["type": "OnDelete"]], "status": ["readyReplicas": 1]],
            .inProgress
        ),
    ]

    private static func daemonSet(_ about: String, _ change: JSONValue, _ isReady: Readiness.Kind) -> Case {
        let whole: JSONValue = [
            "metadata": ["generation": 2],
            "status": [
                "observedGeneration": 2, "desiredNumberScheduled": 2, "currentNumberScheduled": 2,
                "updatedNumberScheduled": 2, "numberAvailable": 2, "numberReady": 2,
            ],
        ]
        return Case(about, "apps/v1 DaemonSet", whole.merging(change), isReady)
    }

    private static let daemonSets: [Case] = [
        daemonSet("rolled out", [:], .ready),
        daemonSet("not seen", ["status": ["observedGeneration": .null]], .inProgress),
        daemonSet("a node without", ["status": ["currentNumberScheduled": 1]], .inProgress),
        daemonSet("a node with an old one", ["status": ["updatedNumberScheduled": 1]], .inProgress),
        daemonSet("one not available", ["status": ["numberAvailable": .null]], .inProgress),
        daemonSet("one not ready", ["status": ["numberReady": 1]], .inProgress),
        daemonSet("no nodes", ["status": ["desiredNumberScheduled": 0, "numberAvailable": .null]], .ready),
        daemonSet(
            "OnDelete: old ones are the user's",
            ["spec": ["updateStrategy": ["type": "OnDelete"]], "status": ["updatedNumberScheduled": 0]],
            .ready
        ),
    ]

    private static func replicaSet(_ about: String, _ change: JSONValue, _ isReady: Readiness.Kind) -> Case {
        let whole: JSONValue = [
            "metadata": ["generation": 1], "spec": ["replicas": 2],
            "status": [
                "observedGeneration": 1, "replicas": 2, "fullyLabeledReplicas": 2, "availableReplicas": 2,
                "readyReplicas": 2,
            ],
        ]
        return Case(about, "apps/v1 ReplicaSet", whole.merging(change), isReady)
    }

    private static let replicaSets: [Case] = [
        replicaSet("there", [:], .ready),
        replicaSet("not seen", ["status": ["observedGeneration": .null]], .inProgress),
        replicaSet("too few labelled", ["status": ["fullyLabeledReplicas": 1]], .inProgress),
        replicaSet("too few available", ["status": ["availableReplicas": 1]], .inProgress),
        replicaSet("too few ready", ["status": ["readyReplicas": 1]], .inProgress),
        replicaSet("too many", ["status": ["replicas": 3]], .inProgress),
        replicaSet("cannot make Pods", ["status": conditions(condition("ReplicaFailure"))], .inProgress),
    ]

    private static func pod(_ about: String, _ status: JSONValue, _ isReady: Readiness.Kind) -> Case {
        Case(about, "v1 Pod", ["status": status], isReady)
    }

    private static let pods: [Case] = [
        pod("no phase", [:], .inProgress),
        pod("pending", ["phase": "Pending"], .inProgress),
        pod(
            "no node has room",
            ["phase": "Pending", "conditions": [condition("PodScheduled", "False", "Unschedulable")]],
            .inProgress
        ),
        pod("runs", ["phase": "Running"], .inProgress),
        pod("not ready", ["phase": "Running", "conditions": [condition("Ready", "False")]], .inProgress),
        pod("ready", ["phase": "Running", "conditions": [condition("Ready")]], .ready),
        pod(
            "crashes again and again",
            [
                "phase": "Running",
                "containerStatuses": [["name": "a", "state": ["waiting": ["reason": "CrashLoopBackOff"]]]],
            ],
            .failed
        ),
        pod(
            "waits for its image",
            [
                "phase": "Running",
                "containerStatuses": [["name": "a", "state": ["waiting": ["reason": "ImagePullBackOff"]]]],
            ],
            .inProgress
        ),
        pod(
            "has succeeded, and so is not Ready",
            ["phase": "Succeeded", "conditions": [condition("Ready", "False", "PodCompleted")]],
            .ready
        ),
        pod("has failed", ["phase": "Failed", "reason": "Evicted"], .failed),
        pod("of an unknown phase", ["phase": "Unknown"], .inProgress),
    ]

    private static let jobs: [Case] = [
        Case("not started", "batch/v1 Job", [:], .inProgress),
        Case("started", "batch/v1 Job", ["status": ["startTime": "2026-01-01T00:00:00Z"]], .ready),
        Case("complete", "batch/v1 Job", ["status": conditions(condition("Complete"))], .ready),
        Case("suspended", "batch/v1 Job", ["status": conditions(condition("Suspended"))], .ready),
        Case(
            "failed",
            "batch/v1 Job",
            ["status": conditions(condition("Failed")).merging(["startTime": "2026-01-01T00:00:00Z"])],
            .failed
        ),
    ]

    private static let others: [Case] = [
        Case("bound", "v1 PersistentVolumeClaim", ["status": ["phase": "Bound"]], .ready),
        Case("pending", "v1 PersistentVolumeClaim", ["status": ["phase": "Pending"]], .inProgress),
        Case("no status", "v1 PersistentVolumeClaim", [:], .inProgress),
        Case("of the cluster", "v1 Service", ["spec": ["clusterIP": "10.0.0.1"]], .ready),
        Case("an external name", "v1 Service", ["spec": ["type": "ExternalName"]], .ready),
        Case("no address", "v1 Service", ["spec": ["type": "LoadBalancer", "clusterIP": "10.0.0.1"]], .inProgress),
        Case(
            "address, no cluster IP",
            "v1 Service",
            ["spec": ["type": "LoadBalancer"], "status": ["loadBalancer": ["ingress": [["ip": "192.0.2.1"]]]]],
            .inProgress
        ),
        Case(
            "address",
            "v1 Service",
            [
                "spec": ["type": "LoadBalancer", "clusterIP": "10.0.0.1"],
                "status": ["loadBalancer": ["ingress": [["ip": "192.0.2.1"]]]],
            ],
            .ready
        ),
        Case("not seen", "policy/v1 PodDisruptionBudget", [:], .inProgress),
        Case("seen", "policy/v1 PodDisruptionBudget", ["status": ["observedGeneration": 1]], .ready),
        Case("new", "apiextensions.k8s.io/v1 CustomResourceDefinition", [:], .inProgress),
        Case(
            "names taken",
            "apiextensions.k8s.io/v1 CustomResourceDefinition",
            ["status": conditions(condition("NamesAccepted", "False", "Conflict"), condition("Established", "False"))],
            .failed
        ),
        Case(
            "installing",
            "apiextensions.k8s.io/v1 CustomResourceDefinition",
            ["status": conditions(condition("NamesAccepted"), condition("Established", "False", "Installing"))],
            .inProgress
        ),
        Case(
            "cannot be installed",
            "apiextensions.k8s.io/v1 CustomResourceDefinition",
            ["status": conditions(condition("NamesAccepted"), condition("Established", "False", "NotAccepted"))],
            .failed
        ),
        Case(
            "established",
            "apiextensions.k8s.io/v1 CustomResourceDefinition",
            ["status": conditions(condition("NamesAccepted"), condition("Established"))],
            .ready
        ),
        Case("active", "v1 Namespace", ["status": ["phase": "Active"]], .ready),
        Case("going", "v1 Namespace", ["status": ["phase": "Terminating"]], .terminating),
        Case("no phase", "v1 Namespace", [:], .inProgress),
        Case(
            "available",
            "apiregistration.k8s.io/v1 APIService",
            ["status": conditions(condition("Available"))],
            .ready
        ),
        Case(
            "not available",
            "apiregistration.k8s.io/v1 APIService",
            ["status": conditions(condition("Available", "False"))],
            .inProgress
        ),
        Case("no status", "apiregistration.k8s.io/v1 APIService", [:], .inProgress),
        Case("any", "v1 ConfigMap", ["data": ["a": "b"]], .ready),
    ]
}

extension Readiness {
    /// A readiness without its reason.
    enum Kind: Sendable { case ready, inProgress, failed, terminating }

    var kind: Kind {
        switch self {
        case .ready: .ready
        case .inProgress: .inProgress
        case .failed: .failed
        case .terminating: .terminating
        }
    }
}
