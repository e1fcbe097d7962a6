import JSON

/// A list, or a page of one.
struct ListAnswer {
    private let request: APIRequest
    private let target: Target
    private let selectors: Selectors

    init(_ request: APIRequest, _ target: Target) {
        self.request = request
        self.target = target
        selectors = Selectors(labels: request.query["labelSelector"], fields: request.query["fieldSelector"])
    }

    /// Where a list stands: which version it shows, and after which key it goes on.
    private struct Position {
        var version: UInt64
        var after: String?
    }

    func document(_ state: inout ServerState) throws -> JSONValue {
        let limit = request.query["limit"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        let position = try position(state, isPaged: limit != nil)
        let ignoresLimit = request.query["resourceVersion"] == "0" && state.ignoresLimitAtZero
        let objects = state.history.objects(target.kind, at: position.version).filter { key, object in
            position.after.map { key > $0 } ?? true && isIncluded(object)
        }
        let page = objects.prefix(ignoresLimit ? .max : limit ?? .max)
        return Self.document(target.kind, Array(page), position.version, remaining: objects.count - page.count)
    }

    static func document(
        _ kind: ServedKind,
        _ page: [(key: String, object: JSONValue)],
        _ version: UInt64,
        remaining: Int = 0
    ) -> JSONValue {
        var metadata: JSONValue = ["resourceVersion": .string(String(version))]
        if remaining > 0, let last = page.last {
            metadata["continue"] = .string("\(version):\(last.key)")
            metadata["remainingItemCount"] = .int(Int64(remaining))
        }
        return [
            "kind": .string(kind.kind + "List"), "apiVersion": .string(kind.apiVersion),
            "metadata": metadata, "items": .array(page.map(\.object)),
        ]
    }

    private func isIncluded(_ object: JSONValue) -> Bool {
        if let namespace = target.namespace, object[path: "metadata", "namespace"]?.string != namespace { return false }
        return selectors.match(object)
    }

    private func position(_ state: ServerState, isPaged: Bool) throws -> Position {
        let newest = state.history.version
        if let token = request.query["continue"], !token.isEmpty {
            guard request.query["resourceVersion"] ?? "" == "" else {
                throw Refusal(.invalid("resourceVersion", "resourceVersion is forbidden with a continue token"))
            }
            return try position(ofToken: token, state)
        }
        let wanted = request.query["resourceVersion"] ?? ""
        let match = request.query["resourceVersionMatch"]
        guard !wanted.isEmpty else { return Position(version: newest) }
        guard let version = UInt64(wanted) else { throw Refusal(.invalid("resourceVersion", "not a number")) }
        guard version > 0 else { return Position(version: state.cachedVersion ?? newest) }
        guard version <= newest else { throw Refusal(.tooLargeResourceVersion()) }
        // A limit makes a version exact unless something else is said, which is how servers have always had it.
        guard match == "Exact" || match == nil && isPaged else { return Position(version: newest) }
        guard version >= state.history.compacted else { throw Refusal(.expired) }
        return Position(version: version)
    }

    private func position(ofToken token: String, _ state: ServerState) throws -> Position {
        let parts = token.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw Refusal(StatusAnswer(400, "BadRequest", "continue key is not valid")) }
        guard let version = UInt64(parts[0]) else { return Position(version: state.history.version, after: parts[1]) }
        guard version >= state.history.compacted else {
            var answer = StatusAnswer.expired
            answer.message = "The provided continue parameter is too old to display a consistent list result."
            answer.continueToken = "newest:\(parts[1])"
            throw Refusal(answer)
        }
        return Position(version: version, after: parts[1])
    }
}
