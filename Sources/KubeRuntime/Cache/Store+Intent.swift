internal import JSON
internal import KubeClient

extension Store {
    /// Whether an answer holds what was known before and what the write asked for, and nothing besides. When that cannot be
    /// known it is not so.
    func isAllThatChanged(_ intent: WriteIntent, from known: Object?, to answer: Object) -> Bool {
        switch (intent, known) {
        case (.create, nil): return true
        case (.conditional(let version), let known?):
            // The server has made sure that nothing came in between.
            return !version.isEmpty && known.metadata.resourceVersion == version
        case (.merge(let change), let known?):
            guard let merged = try? Object(json: known.json().merging(change)) else { return false }
            return Self.comparable(transformed(merged)) == Self.comparable(answer)
        case (.create, _), (.conditional, nil), (.merge, nil), (.other, _): return false
        }
    }

    /// Without what the server changes in any case.
    private static func comparable(_ object: Object) -> JSONValue {
        var json = object.json()
        for field in ["resourceVersion", "generation", "managedFields"] { json["metadata"]?[field] = nil }
        return json
    }
}
