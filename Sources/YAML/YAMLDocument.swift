public import JSON

/// Why a text is not YAML, and where.
public struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was wrong, in libyaml's words where it found the fault.
    public let message: String
    /// Counted from 1.
    public let line: Int
    /// In characters, counted from 1.
    public let column: Int

    /// "line 3, column 7: …"
    public var description: String { "line \(line), column \(column): \(message)" }
}

/// One document of a YAML stream, as JSON, with the line on which each value began.
public struct YAMLDocument: Sendable {
    /// The document's value. Scalars have the types that `kubectl` gives them.
    public let value: JSONValue
    /// Line of each value, counted from 1, by its path as in `spec.steps[2].name`.
    public let lines: [String: Int]

    /// The line of the value at a path, or of the nearest value around it.
    public func line(of path: String) -> Int? {
        var path = path[...]
        while true {
            if let line = lines[String(path)] { return line }
            guard let cut = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { return lines[""] }
            path = path[..<cut]
        }
    }
}
