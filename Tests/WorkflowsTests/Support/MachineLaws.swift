import JSON
import Testing

@testable import Workflows

extension ProcessMachine {
    /// What of the values beside the state does not follow from it.
    var lawsBroken: [String] {
        guard !state.status.isFinished else { return [] }
        let fresh = ProcessMachine(state, plan: plan, environment: environment)
        var broken: [String] = []
        func compare<Value: Equatable>(_ name: String, _ kept: Value, _ made: Value) {
            if kept != made { broken.append("\(name) is kept as \(kept), but \(made) follows from the state") }
        }
        // Once a process winds down, only its final steps can still begin.
        let live = state.ending == nil ? 0..<plan.steps.count : plan.finalIndices
        compare("openNeeds", Array(openNeeds[live]), Array(fresh.openNeeds[live]))
        compare("ready", ready.filter(live.contains), fresh.ready.filter(live.contains))
        compare("running", Set(running), Set(fresh.running))
        let waiting = due.filter { execution($0).status != .pending }
        compare("timed and due", timed.union(waiting), fresh.timed)
        if !timed.isDisjoint(with: due) { broken.append("\(timed) are timed, and \(due) are due") }
        if Set(due).count != due.count { broken.append("\(due) are due") }
        compare("undecided", undecided, fresh.undecided)
        compare("openSteps.main", openSteps.main, fresh.openSteps.main)
        compare("openSteps.final", openSteps.final, fresh.openSteps.final)
        compare("completedMain", completedMain, fresh.completedMain)
        let lists = lists.filter { live.contains($0.key) }
        let freshLists = fresh.lists.filter { live.contains($0.key) }
        compare("lists", Set(lists.keys), Set(freshLists.keys))
        for (position, list) in lists {
            guard let made = freshLists[position] else { continue }
            let name = "lists[\(position)]"
            compare("\(name).open", list.open, made.open)
            compare("\(name).active", list.active, made.active)
            compare("\(name).next", firstPending(position, from: list.next), made.next)
            compare("the values of \(name)", listValues[position], fresh.listValues[position])
        }
        if running.count > environment.limits.stepParallelism { broken.append("\(running.count) run at once") }
        return broken
    }

    private func firstPending(_ position: Int, from place: Int) -> Int {
        let states = state.steps[position].items?.states ?? []
        return states.indices.first { $0 >= place && states[$0].status == .pending } ?? states.count
    }

    /// The machine that another owner makes of what this one stores.
    func storedAndRead() async throws -> ProcessMachine {
        var copy = self
        let encoded = copy.encode()
        let parts = PartShelf.shared
        parts.put(encoded.parts)
        let reader = StateReader(processID: state.processId) { parts[$0.digest] }
        let read = try await reader.read(encoded.document)
        #expect(read == copy.state, "what is read is not what was stored")
        return ProcessMachine(read, plan: plan, environment: environment)
    }
}
