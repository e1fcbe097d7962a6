import Foundation
import TestEnvironment
import Testing

/// The article of the documentation against the example that it explains.
@Suite(.timeLimit(.minutes(4))) struct ControllerArticleTests {
    private static let example = Project.root.appendingPathComponent("Examples/configmap-controller")

    /// Without indentation, which the article leaves out.
    private static func lines(_ text: some StringProtocol) -> [String] {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    @Test(arguments: ["Package.swift", "Sources/ConfigMap.swift", "Sources/Mirror.swift", "Sources/Main.swift"])
    func `the article shows every line of the example, in order`(_ file: String) throws {
        let code = try String(contentsOf: Self.example.appendingPathComponent(file), encoding: .utf8)
        let path = "Sources/KubeRuntime/KubeRuntime.docc/ControllerIn60Lines.md"
        let article = try String(contentsOf: Project.root.appendingPathComponent(path), encoding: .utf8)
        let blocks = article.components(separatedBy: "```").enumerated().filter { !$0.offset.isMultiple(of: 2) }
        let shown = blocks.flatMap { Self.lines($0.element).dropFirst() }
        var expected = Self.lines(code)
        // The last brace of a type that is shown in parts.
        if file == "Sources/Mirror.swift" { expected.removeLast() }
        #expect(shown.firstRange(of: expected) != nil)
    }
}
