import JSON

/// Label and field selectors, as far as tests use them: equality, inequality, existence.
struct Selectors: Sendable {
    private let requirements: [Requirement]

    private struct Requirement: Sendable {
        let path: [String]
        let value: String?
        let isNegated: Bool
    }

    init(labels: String?, fields: String?) {
        requirements =
            (labels ?? "").split(separator: ",").map { Self.requirement($0) { ["metadata", "labels", $0] } }
            + (fields ?? "").split(separator: ",").map {
                Self.requirement($0) { $0.split(separator: ".").map(String.init) }
            }
    }

    private static func requirement(_ text: Substring, _ path: (String) -> [String]) -> Requirement {
        let isNegated = text.contains("!=") || text.hasPrefix("!")
        let parts = text.split(whereSeparator: { "=!".contains($0) }).map(String.init)
        return Requirement(path: path(parts.first ?? ""), value: parts.dropFirst().first, isNegated: isNegated)
    }

    func match(_ object: JSONValue) -> Bool {
        requirements.allSatisfy { requirement in
            let value = requirement.path.reduce(Optional(object)) { $0?[$1] }
            let holds = requirement.value.map { .string($0) == value } ?? (value != nil)
            return holds != requirement.isNegated
        }
    }
}
