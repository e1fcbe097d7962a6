import CRDs
import JSON
import Testing
import Workflows

@testable import Reconcilers

@Suite struct ProcessOutlookTests {
    private let early = Timestamp(seconds: 100)
    private let late = Timestamp(seconds: 200)

    private func conditions(_ outlook: ProcessOutlook, previous: [Condition] = [], at time: Timestamp) -> [Condition] {
        outlook.conditions(
            previous: previous,
            ProcessOutlook.Marks(),
            generation: 3,
            now: time
        )
    }

    private static let all: [ProcessOutlook] = [
        .working(.progressing, message: "m"), .working(.progressingWithRetry, message: "m"),
        .working(.suspended, message: "m"), .working(.cancelling, message: "m"),
        .working(.waitingForRecovery, message: "m"), .working(.waitingForApproval, message: "m"),
        .working(.rollingBack, message: "m"), .working(.queueFull, message: "m"),
        .succeeded(message: "m"), .refused(message: "m"),
        .failed(.stepFailed, message: "m"), .failed(.deadlineExceeded, message: "m"), .failed(.cancelled, message: "m"),
        .failed(.rolledBack, message: "m"), .failed(.definitionIncompatible, message: "m"),
    ]

    /// Rows of the table: Ready, Reconciling, Stalled, Succeeded, Completed; nil for absent.
    private static let table: [[Condition.Value?]] =
        Array(repeating: [.unknown, .true, nil, .unknown, .false], count: 8) + [
            [.true, nil, nil, .true, .true], [.false, nil, .true, .false, .false],
        ] + Array(repeating: [.false, nil, .true, .false, .true], count: 4) + [
            [.false, nil, .true, .false, .false]
        ]

    @Test(arguments: zip(all, table)) func `the conditions are those of the table`(
        outlook: ProcessOutlook,
        row: [Condition.Value?]
    ) {
        let conditions = conditions(outlook, at: early)
        for (type, value) in zip(["Ready", "Reconciling", "Stalled", "Succeeded", "Completed"], row) {
            #expect(conditions.first { $0.type == type }?.status == value, "\(type)")
        }
        let types = conditions.map(\.type)
        #expect(Set(types).count == types.count)
        for condition in conditions {
            #expect(condition.observedGeneration == 3)
            #expect(Condition.schema.violations(of: condition.json()) == [])
        }
    }

    @Test func `lastTransitionTime moves only when the status of the condition changes`() throws {
        let first = conditions(.working(.progressing, message: "1"), at: early)
        let second = conditions(.working(.suspended, message: "2"), previous: first, at: late)
        #expect(second.allSatisfy { $0.lastTransitionTime == early })
        let third = conditions(.succeeded(message: "3"), previous: second, at: late)
        #expect(third.allSatisfy { $0.lastTransitionTime == late })
    }

    @Test func `conditions of others are left alone`() {
        var foreign = Condition("example.com/Audited", .true, "Seen", "")
        foreign.lastTransitionTime = early
        #expect(conditions(.succeeded(message: ""), previous: [foreign], at: late).contains(foreign))
    }

    @Test(
        arguments: [
            (["a": 1], ["a": 1], [:]), (["a": 2], ["a": 1], ["a": 2]), ([:], ["a": 1], ["a": .null]),
            (["a": ["x": 1]], ["a": ["x": 1, "y": 2]], ["a": ["y": .null]]), (["l": [1]], ["l": [1, 2]], ["l": [1]]),
        ] as [(JSONValue, JSONValue, JSONValue)]
    )
    func `a merge patch holds what differs and removes what is gone`(new: JSONValue, old: JSONValue, patch: JSONValue) {
        #expect(new.mergePatch(from: old) == patch)
        #expect(old.merging(patch) == new)
    }
}
