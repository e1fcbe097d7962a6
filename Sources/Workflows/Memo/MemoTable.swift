internal import JSON

/// Outputs that steps may reuse, over the store that all replicas share.
struct MemoTable: Sendable {
    let store: any DocumentStore

    /// The output stored under a key; nil when there is none, or the store does not answer: then the step runs.
    func output(_ memo: ExecutionRequest.Memo, _ request: ExecutionRequest, namespace: String?) async -> JSONValue? {
        guard let document = try? await store.load(key(memo, request, namespace)) else { return nil }
        return (try? JSONValue(parsing: document.bytes))?["output"]
    }

    /// Stores an output. A store that does not answer costs a repetition later, nothing else.
    func keep(
        _ output: JSONValue,
        _ memo: ExecutionRequest.Memo,
        _ request: ExecutionRequest,
        namespace: String?
    ) async {
        let key = key(memo, request, namespace)
        let document = StoredDocument((["key": .string(memo.key), "output": output] as JSONValue).serialized())
        try? await store.delete([key])
        _ = try? await store.create(key, document, timeToLive: memo.timeToLive)
    }

    /// Outputs are shared within a namespace, among steps of the same action with the same inputs' key.
    private func key(_ memo: ExecutionRequest.Memo, _ request: ExecutionRequest, _ namespace: String?) -> DocumentKey {
        let parts: JSONValue = [.string(namespace ?? ""), .string(request.action), .string(memo.key)]
        return .memo(digest: Digest.sha256(parts.serialized()))
    }
}
