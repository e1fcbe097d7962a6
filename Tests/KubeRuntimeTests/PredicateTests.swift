import JSON
import KubeClient
import KubeRuntime
import Testing

@Suite struct PredicateTests {
    private static func object(_ metadata: JSONValue) throws -> DynamicObject {
        try DynamicObject(json: ["metadata": (["name": "a"] as JSONValue).merging(metadata)])
    }

    struct Case: Sendable {
        var old: JSONValue
        var new: JSONValue
        /// Of `generationChanged` and `labelsOrAnnotationsChanged`.
        var allowed: (Bool, Bool)
    }

    @Test(arguments: [
        Case(old: ["generation": 1], new: ["generation": 1, "resourceVersion": "2"], allowed: (false, false)),
        Case(old: ["generation": 1], new: ["generation": 2], allowed: (true, false)),
        Case(old: ["generation": 1], new: ["generation": 1, "finalizers": ["x"]], allowed: (true, false)),
        Case(old: ["generation": 1], new: ["generation": 1, "labels": ["x": "y"]], allowed: (false, true)),
        Case(old: ["generation": 1], new: ["generation": 1, "annotations": ["x": "y"]], allowed: (false, true)),
        Case(
            old: ["generation": 1],
            new: ["generation": 1, "deletionTimestamp": "2030-01-01T00:00:00Z"],
            allowed: (true, false)
        ),
        // Kinds without generations say nothing by them.
        Case(old: ["resourceVersion": "1"], new: ["resourceVersion": "2"], allowed: (true, false)),
    ])
    func `changes are told apart by their metadata`(_ test: Case) throws {
        let change = StoreChange.updated(old: try Self.object(test.old), new: try Self.object(test.new))
        #expect(Predicate.generationChanged.allows(change) == test.allowed.0)
        #expect(Predicate.labelsOrAnnotationsChanged.allows(change) == test.allowed.1)
        #expect((Predicate.generationChanged && .labelsOrAnnotationsChanged).allows(change) == false)
        #expect(
            (Predicate.generationChanged || .labelsOrAnnotationsChanged).allows(change)
                == (test.allowed.0 || test.allowed.1)
        )
        #expect((!Predicate<DynamicObject>.any).allows(change) == false)
    }

    @Test func `an object counts as labelled until it has been seen without the label`() throws {
        let labelled = try Self.object(["labels": ["app": "x"]])
        let bare = try Self.object([:])
        let predicate = Predicate<DynamicObject>.label("app", "x")
        #expect(predicate.allows(.added(labelled, isInitial: true)))
        #expect(!predicate.allows(.added(bare, isInitial: false)))
        #expect(predicate.allows(.updated(old: labelled, new: bare)))
        #expect(!predicate.allows(.updated(old: bare, new: bare)))
        #expect(predicate.allows(.deleted(labelled)))
    }
}
