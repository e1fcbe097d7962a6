import Testing

@testable import Workflows

/// Whose a process is, as three replicas see it.
@Suite struct StandingTests {
    /// The ranking of `p` among these is a, b, c; see `PlacementTests`.
    private func alive(
        _ names: String...,
        full: Set<String> = [],
        leaving: Set<String> = []
    ) -> [Heartbeat] {
        names.map { name in
            Heartbeat(
                replica: name,
                incarnation: "1",
                counter: 1,
                freeSlots: full.contains(name) ? 0 : 1,
                isLeaving: leaving.contains(name)
            )
        }
    }

    private func standings(_ alive: [Heartbeat], owner: String?, hasBegun: Bool = true) -> [Standing] {
        ["a", "b", "c"].map { replica in
            Placement.standing(
                of: "p",
                recordedOwner: owner,
                hasBegun: hasBegun,
                for: replica,
                among: alive
            )
        }
    }

    @Test func `what nobody has goes to the first in the ranking`() {
        #expect(standings(alive("a", "b", "c"), owner: nil) == [.ours, .theirs, .theirs])
        #expect(standings(alive("b", "c"), owner: nil)[1...] == [.ours, .theirs])
    }

    @Test func `what a living replica has stays with it, until that interrupts nothing`() {
        #expect(standings(alive("a", "b", "c"), owner: "c") == [.theirs, .theirs, .oursToRelease])
        #expect(standings(alive("a", "b", "c"), owner: "a") == [.ours, .theirs, .theirs])
    }

    @Test func `what a dead replica has goes to the first of the living`() {
        #expect(standings(alive("b", "c"), owner: "a")[1...] == [.ours, .theirs])
    }

    @Test func `a replica that leaves lets go of what it has, if there is somebody to have it`() {
        #expect(standings(alive("a", "b", "c", leaving: ["a"]), owner: "a") == [.oursToRelease, .theirs, .theirs])
        #expect(standings(alive("a", "b", "c", leaving: ["a"]), owner: nil) == [.theirs, .ours, .theirs])
        #expect(standings(alive("a", leaving: ["a"]), owner: "a")[0] == .ours, "it goes on until it ends")
        #expect(standings(alive("a", leaving: ["a"]), owner: nil)[0] == .theirs, "it begins nothing")
    }

    @Test func `what has not begun may also be begun where there is room`() {
        let full = alive("a", "b", "c", full: ["a"])
        #expect(standings(full, owner: nil, hasBegun: false) == [.ours, .ours, .theirs], "a keeps it in its queue")
        #expect(standings(full, owner: nil, hasBegun: true) == [.ours, .theirs, .theirs])
        let allFull = alive("a", "b", "c", full: ["a", "b", "c"])
        #expect(standings(allFull, owner: nil, hasBegun: false) == [.ours, .theirs, .theirs])
    }

    @Test func `a replica that has not joined has nothing`() {
        #expect(standings(alive("b", "c"), owner: nil)[0] == .theirs)
        #expect(standings([], owner: nil) == [.theirs, .theirs, .theirs])
    }
}
