internal import JSON

extension Readiness {
    static func pod(_ object: JSONValue) -> Readiness {
        let status = object["status"]
        switch status?["phase"]?.string {
        case "Succeeded": return .ready
        case "Failed":
            let words = [status?["reason"]?.string, status?["message"]?.string].compactMap(\.self)
            return .failed((["the Pod has failed"] + words).joined(separator: ": "))
        case "Running":
            if object.condition("Ready")?["status"] == "True" { return .ready }
            let looping = (status?["containerStatuses"]?.array ?? []).filter {
                $0[path: "state", "waiting", "reason"] == "CrashLoopBackOff"
            }
            guard looping.isEmpty else {
                let names = looping.compactMap { $0["name"]?.string }.joined(separator: ", ")
                return .failed("containers crash again and again: \(names)")
            }
            return .inProgress(object.condition("Ready")?.words ?? "it runs and is not ready")
        case "Pending":
            if let scheduled = object.condition("PodScheduled"), scheduled["status"] == "False" {
                return .inProgress(scheduled.words)
            }
            return .inProgress("it is pending")
        case let phase: return .inProgress(phase.map { "its phase is \($0)" } ?? "it has no phase yet")
        }
    }

    /// Ready as soon as it has started: who waits for the end waits for the condition `Complete`.
    static func job(_ object: JSONValue) -> Readiness {
        for condition in object.conditions where condition["status"] == "True" {
            switch condition["type"] {
            case "Complete", "Suspended": return .ready
            case "Failed": return .failed(condition.words)
            default: continue
            }
        }
        return object[path: "status", "startTime"] == nil ? .inProgress("it has not started") : .ready
    }

    static func volumeClaim(_ object: JSONValue) -> Readiness {
        let phase = object[path: "status", "phase"]?.string
        return phase == "Bound" ? .ready : .inProgress("it is not bound; its phase is \(phase ?? "not known yet")")
    }

    static func service(_ object: JSONValue) -> Readiness {
        guard object[path: "spec", "type"] == "LoadBalancer" else { return .ready }
        guard object[path: "spec", "clusterIP"]?.string.map({ !$0.isEmpty }) == true else {
            return .inProgress("it has no cluster IP")
        }
        let addresses = object[path: "status", "loadBalancer", "ingress"]?.array ?? []
        return addresses.isEmpty ? .inProgress("its load balancer has no address") : .ready
    }

    /// Its controller computes how many Pods may go, and says for which generation.
    static func disruptionBudget(_ object: JSONValue) -> Readiness {
        object[path: "status", "observedGeneration"] == nil
            ? .inProgress("its controller has not seen it yet") : .ready
    }

    static func definition(_ object: JSONValue) -> Readiness {
        if let names = object.condition("NamesAccepted"), names["status"] == "False" { return .failed(names.words) }
        guard let established = object.condition("Established") else {
            return .inProgress("its names have not been looked at yet")
        }
        if established["status"] == "True" { return .ready }
        let isComing = established["status"] != "False" || established["reason"] == "Installing"
        return isComing ? .inProgress(established.words) : .failed(established.words)
    }

    static func namespace(_ object: JSONValue) -> Readiness {
        switch object[path: "status", "phase"]?.string {
        case "Active": .ready
        case "Terminating": .terminating
        case let phase: .inProgress("its phase is \(phase ?? "not known yet")")
        }
    }

    static func apiService(_ object: JSONValue) -> Readiness {
        guard let available = object.condition("Available") else {
            return .inProgress("it is not known whether it is available")
        }
        return available["status"] == "True" ? .ready : .inProgress(available.words)
    }
}
