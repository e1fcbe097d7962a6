internal import JSON
internal import KubeClient

/// What differs between two states of an object, for people.
struct ObjectDiff: Sendable, Hashable {
    /// One line each: `~ spec.replicas: 3 -> 5`, `+ data.region: "pacific-1"`, `- data.old: "x"`.
    let lines: [String]

    /// How many lines are told; a plan is read by people and stays small.
    static let maximumLines = 100
    private static let maximumValueLength = 200

    /// - Parameters:
    ///   - former: nil when there was none.
    ///   - latter: nil when there is none any more.
    init(_ former: DynamicObject?, _ latter: DynamicObject?) {
        let hidesValues = (latter ?? former)?.kind == "Secret"
        var lines: [String] = []
        Self.compare(former?.comparable, latter?.comparable, "", hidesValues, &lines)
        if lines.count > Self.maximumLines {
            let rest = lines.count - Self.maximumLines
            lines = lines.prefix(Self.maximumLines) + ["… and \(rest) more"]
        }
        self.lines = lines
    }

    private static func compare(
        _ former: JSONValue?,
        _ latter: JSONValue?,
        _ path: String,
        _ hidesValues: Bool,
        _ lines: inout [String]
    ) {
        guard former != latter else { return }
        let shown = [
            "apiVersion", "kind", "type", "immutable", "metadata.name", "metadata.namespace", "metadata.labels.",
        ]
        let isSecret = hidesValues && !shown.contains { path.hasPrefix($0) }
        let text = { (value: JSONValue) in isSecret ? "(hidden)" : Self.text(value) }
        switch (former, latter) {
        case (.object(let old)?, .object(let new)?):
            for key in Set(old.keys).union(new.keys).sorted() {
                compare(old[key], new[key], path.isEmpty ? key : "\(path).\(key)", hidesValues, &lines)
            }
        case (.array(let old)?, .array(let new)?) where old.count == new.count:
            for place in old.indices { compare(old[place], new[place], "\(path)[\(place)]", hidesValues, &lines) }
        case (nil, .object(let new)?):
            for key in new.keys.sorted() {
                compare(nil, new[key], path.isEmpty ? key : "\(path).\(key)", hidesValues, &lines)
            }
        case (nil, let new?): lines.append("+ \(path): \(text(new))")
        case (.object(let old)?, nil):
            for key in old.keys.sorted() {
                compare(old[key], nil, path.isEmpty ? key : "\(path).\(key)", hidesValues, &lines)
            }
        case (let old?, nil): lines.append("- \(path): \(text(old))")
        case (let old?, let new?): lines.append("~ \(path): \(text(old)) -> \(text(new))")
        case (nil, nil): break
        }
    }

    private static func text(_ value: JSONValue) -> String {
        let text = String(decoding: value.serialized(), as: UTF8.self)
        guard text.count > maximumValueLength else { return text }
        return "\(text.prefix(maximumValueLength))… (\(text.utf8.count) bytes)"
    }
}

extension DynamicObject {
    /// What people mean when they say that an object has changed.
    var comparable: JSONValue { content.withoutServerFields }
}

extension JSONValue {
    /// An object without what only the server says of it.
    var withoutServerFields: JSONValue {
        var content = self
        content["status"] = nil
        guard content["metadata"] != nil else { return content }
        for member in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"] {
            content["metadata"]?[member] = nil
        }
        return content
    }
}
