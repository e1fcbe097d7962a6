import JSON

/// What becomes of a request for one object, or of the creation of one.
struct ObjectAnswer {
    private let request: APIRequest
    private let target: Target

    init(_ request: APIRequest, _ target: Target) {
        self.request = request
        self.target = target
    }

    func document(_ state: inout ServerState) throws -> JSONValue {
        switch (request.method, target.name) {
        case ("GET", let name?): return try existing(state, name)
        case ("POST", nil): return try create(&state)
        case ("PUT", let name?):
            guard let object = request.document else { throw Refusal(.unreadable) }
            return try update(&state, name, to: object, expecting: object[path: "metadata", "resourceVersion"]?.string)
        case ("PATCH", let name?):
            guard request.field("content-type") == "application/merge-patch+json", let patch = request.document else {
                throw Refusal(StatusAnswer(415, "UnsupportedMediaType", "only merge patches are understood here"))
            }
            let expected = patch[path: "metadata", "resourceVersion"]?.string
            return try update(&state, name, to: try existing(state, name).merging(patch), expecting: expected)
        case ("DELETE", let name?): return try delete(&state, name)
        default: throw Refusal(StatusAnswer(405, "MethodNotAllowed", "the server does not allow this method"))
        }
    }

    private func key(_ name: String) -> String { ObjectHistory.key(namespace: target.namespace, name: name) }

    private func existing(_ state: borrowing ServerState, _ name: String) throws -> JSONValue {
        guard let object = state.history.object(target.kind, key(name)) else {
            throw Refusal(StatusAnswer(404, "NotFound", "\(target.kind.plural) \"\(name)\" not found"))
        }
        return object
    }

    private func create(_ state: inout ServerState) throws -> JSONValue {
        guard var object = request.document else { throw Refusal(.unreadable) }
        var metadata = object["metadata"] ?? [:]
        let prefix = metadata["generateName"]?.string
        guard let name = metadata["name"]?.string ?? prefix.map({ $0 + String(state.history.version) }) else {
            throw Refusal(.invalid("metadata.name", "name or generateName is required"))
        }
        guard state.history.object(target.kind, key(name)) == nil else {
            throw Refusal(StatusAnswer(409, "AlreadyExists", "\(target.kind.plural) \"\(name)\" already exists"))
        }
        metadata["name"] = .string(name)
        metadata["namespace"] = target.namespace.map { .string($0) }
        object["metadata"] = metadata
        return store(&state, name, object)
    }

    private func update(
        _ state: inout ServerState,
        _ name: String,
        to wanted: JSONValue,
        expecting version: String?
    ) throws -> JSONValue {
        let current = try existing(state, name)
        let known = current["metadata"]
        if let version, !version.isEmpty, .string(version) != known?["resourceVersion"] {
            throw Refusal(
                StatusAnswer(409, "Conflict", "the object has been modified; please apply your changes to it")
            )
        }
        var object = wanted
        if target.subresource == "status" {
            object = current
            object["status"] = wanted["status"]
        } else if let status = current["status"] {
            object["status"] = status
        }
        // Nothing changed: nothing is stored, and no watch hears of it.
        object["metadata"]?["resourceVersion"] = known?["resourceVersion"]
        object["metadata"]?["uid"] = known?["uid"]
        object["metadata"]?["namespace"] = known?["namespace"]
        object["apiVersion"] = current["apiVersion"]
        object["kind"] = current["kind"]
        guard object != current else { return current }
        let finalizers = object[path: "metadata", "finalizers"]?.array ?? []
        if object[path: "metadata", "deletionTimestamp"] != nil, finalizers.isEmpty {
            return remove(&state, name) ?? current
        }
        return store(&state, name, object)
    }

    private func delete(_ state: inout ServerState, _ name: String) throws -> JSONValue {
        var object = try existing(state, name)
        if let uid = request.document?[path: "preconditions", "uid"], uid != object[path: "metadata", "uid"] {
            throw Refusal(StatusAnswer(409, "Conflict", "the UID in the precondition does not match"))
        }
        guard object[path: "metadata", "finalizers"]?.array?.isEmpty == false else {
            return remove(&state, name) ?? object
        }
        object["metadata"]?["deletionTimestamp"] = "2030-01-01T00:00:00Z"
        return store(&state, name, object)
    }

    private func store(_ state: inout ServerState, _ name: String, _ object: JSONValue) -> JSONValue {
        let change = state.history.put(object, target.kind, key(name))
        state.announce(change)
        return change.object
    }

    private func remove(_ state: inout ServerState, _ name: String) -> JSONValue? {
        guard let change = state.history.delete(target.kind, key(name)) else { return nil }
        state.announce(change)
        return change.object
    }
}

extension StatusAnswer {
    fileprivate static let unreadable = StatusAnswer(400, "BadRequest", "the body is not JSON")
}
