internal import JSON

/// The definitions that are part of the product, by process type.
///
/// A type has a short name (`Test`), used in specs, and a long one (`TestProcess`), shown everywhere else; both are
/// accepted. Nobody's template can take their place.
public enum ProcessType {
    /// Resolves a short or long name.
    /// - Returns: nil for a type this version does not have.
    public static func definition(named name: String) -> WorkflowDefinition? {
        let long = longName(name)
        return builtIn.first { $0.name == long }
    }

    /// The long form of a short or long name, whether or not there is such a type.
    public static func longName(_ name: String) -> String { name.hasSuffix("Process") ? name : name + "Process" }

    /// The short names of all types, for messages.
    public static var shortNames: [String] { builtIn.map { String($0.name.dropLast("Process".count)) } }

    /// A smoke test: needs no input, no credentials and no other service, and is over in less than a second.
    private static let test = WorkflowDefinition(
        name: "TestProcess",
        steps: [
            StepDefinition("Prepare", action: "echo", with: ["message": "the engine starts steps"]),
            StepDefinition("Work", action: "delay", with: ["duration": "500ms"], needs: ["Prepare"]),
            StepDefinition("Report", action: "echo", with: ["message": "the engine finishes steps"], needs: ["Work"]),
        ]
    )

    private static let builtIn = [test]
}
