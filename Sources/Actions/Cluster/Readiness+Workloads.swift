internal import JSON

extension Readiness {
    /// What the controller's counts say.
    private struct Counts {
        private let object: JSONValue

        init(_ object: JSONValue) { self.object = object }

        /// How many replicas are wanted; controllers take 1 where nothing is said.
        var wanted: Int64 { object[path: "spec", "replicas"]?.int ?? 1 }

        /// API servers leave out zeros.
        subscript(name: String) -> Int64 { object[path: "status", name]?.int ?? 0 }

        /// nil when there are enough.
        func missing(_ name: String, of wanted: Int64, _ what: String) -> Readiness? {
            self[name] < wanted ? .inProgress("\(self[name]) of \(wanted) \(what)") : nil
        }

        /// nil when there are no more than wanted.
        func surplus(over wanted: Int64) -> Readiness? {
            let surplus = self["replicas"] - wanted
            return surplus > 0 ? .inProgress("\(surplus) former or surplus replicas still end") : nil
        }

        /// nil when the controller has looked at the object.
        var unseen: Readiness? {
            guard object[path: "status", "observedGeneration"] == nil else { return nil }
            return .inProgress("its controller has not seen it yet")
        }
    }

    static func deployment(_ object: JSONValue) -> Readiness {
        let progressing = object.condition("Progressing")
        if progressing?["reason"] == "ProgressDeadlineExceeded" {
            return .failed("progress deadline exceeded: \(progressing?["message"]?.string ?? "no more is known")")
        }
        let counts = Counts(object)
        let wanted = counts.wanted
        let lacking =
            counts.unseen
            ?? counts.missing("replicas", of: wanted, "replicas made")
            ?? counts.missing("updatedReplicas", of: wanted, "replicas updated")
            ?? counts.surplus(over: wanted)
            ?? counts.missing("availableReplicas", of: counts["updatedReplicas"], "updated replicas available")
            ?? counts.missing("readyReplicas", of: wanted, "replicas ready")
        if let lacking { return lacking }
        // Without a deadline the controller does not say whether it makes progress; the largest 32-bit number means none.
        let deadline = object[path: "spec", "progressDeadlineSeconds"]?.int ?? Int64(Int32.max)
        let isRolledOut = progressing?["status"] == "True" && progressing?["reason"] == "NewReplicaSetAvailable"
        guard deadline == Int64(Int32.max) || isRolledOut else {
            return .inProgress(progressing?.words ?? "its controller has not yet said that it is rolled out")
        }
        guard let available = object.condition("Available"), available["status"] == "True" else {
            return .inProgress(object.condition("Available")?.words ?? "it is not available")
        }
        return .ready
    }

    static func statefulSet(_ object: JSONValue) -> Readiness {
        let counts = Counts(object)
        let wanted = counts.wanted
        let lacking =
            counts.unseen
            ?? counts.missing("replicas", of: wanted, "replicas made")
            ?? counts.missing("readyReplicas", of: wanted, "replicas ready")
            ?? counts.surplus(over: wanted)
        if let lacking { return lacking }
        if isUpdatedOnDelete(object) { return .ready }
        // Those with a lower ordinal than the partition stay as they are.
        if let partition = object[path: "spec", "updateStrategy", "rollingUpdate", "partition"]?.int, partition > 0 {
            let count = max(0, wanted - partition)
            return counts.missing("updatedReplicas", of: count, "replicas above the partition updated") ?? .ready
        }
        if let lacking = counts.missing("currentReplicas", of: wanted, "replicas of the current revision") {
            return lacking
        }
        let (current, update) = (
            object[path: "status", "currentRevision"]?.string, object[path: "status", "updateRevision"]?.string
        )
        guard current == update else {
            return .inProgress("it is at revision \(current ?? "none") and not yet at \(update ?? "none")")
        }
        return .ready
    }

    static func daemonSet(_ object: JSONValue) -> Readiness {
        let counts = Counts(object)
        if let unseen = counts.unseen { return unseen }
        let wanted = counts["desiredNumberScheduled"]
        return counts.missing("currentNumberScheduled", of: wanted, "nodes have a Pod")
            ?? (isUpdatedOnDelete(object)
                ? nil : counts.missing("updatedNumberScheduled", of: wanted, "nodes have an updated Pod"))
            ?? counts.missing("numberAvailable", of: wanted, "Pods available")
            ?? counts.missing("numberReady", of: wanted, "Pods ready")
            ?? .ready
    }

    static func replicaSet(_ object: JSONValue) -> Readiness {
        if let failure = object.condition("ReplicaFailure"), failure["status"] == "True" {
            return .inProgress(failure.words)
        }
        let counts = Counts(object)
        let wanted = counts.wanted
        return counts.unseen
            ?? counts.missing("fullyLabeledReplicas", of: wanted, "replicas labelled")
            ?? counts.missing("availableReplicas", of: wanted, "replicas available")
            ?? counts.missing("readyReplicas", of: wanted, "replicas ready")
            ?? counts.surplus(over: wanted)
            ?? .ready
    }

    private static func isUpdatedOnDelete(_ object: JSONValue) -> Bool {
        object[path: "spec", "updateStrategy", "type"] == "OnDelete"
    }
}
