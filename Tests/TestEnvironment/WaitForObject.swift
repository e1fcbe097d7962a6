import JSON
public import KubeClient

/// An object that did not become what a test waits for.
public struct ObjectDidNotBecome: Error, CustomStringConvertible {
    public let description: String
}

extension ResourceClient {
    /// Waits by a watch until an object satisfies a condition.
    /// - Parameter limit: then `ObjectDidNotBecome` is thrown, with the object as it is.
    @discardableResult
    public func wait(
        for name: String,
        within limit: Duration = .seconds(120),
        until condition: @escaping @Sendable (Object) -> Bool
    ) async throws -> Object {
        let found = try await TestEnvironment.within(limit) { try await follow(name, condition) }
        if let found { return found }
        let now = try? await get(name)
        throw ObjectDidNotBecome(
            description: "\(api.kind) \(name) did not become what is expected within \(limit); it is:\n"
                + (now.map { String(decoding: $0.json().serialized(pretty: true), as: UTF8.self) } ?? "gone")
        )
    }

    private func follow(_ name: String, _ condition: @Sendable (Object) -> Bool) async throws -> Object? {
        let selection = Selection(fieldSelector: "metadata.name=\(name)")
        while !Task.isCancelled {
            do {
                let list = try await list(selection)
                if let object = list.items.first(where: condition) { return object }
                for try await event in watch(selection, from: list.resourceVersion) {
                    switch event {
                    case .added(let object), .modified(let object):
                        if condition(object) { return object }
                    case .deleted, .bookmark: continue
                    }
                }
            } catch let error as KubeError where error.isRetryable || error.code == .expired {
                // An API server that the test has stopped; the limit is what ends this.
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        return nil
    }

    /// Hands every change from a version on to `body`, until that returns true.
    ///
    /// A server may end a watch at any time, and does so some seconds after a definition was installed: the watch is then
    /// opened again where it ended.
    public func observe(
        from version: String,
        until body: (WatchEvent<Object>) throws -> Bool
    ) async throws {
        var version = version
        while true {
            for try await event in watch(from: version) {
                switch event {
                case .added(let object), .modified(let object), .deleted(let object):
                    version = object.metadata.resourceVersion
                case .bookmark(let bookmark, _): version = bookmark
                }
                if try body(event) { return }
            }
            try Task.checkCancellation()
        }
    }

    /// Waits by a watch until there is no object of that name.
    public func waitUntilGone(_ name: String, within limit: Duration = .seconds(120)) async throws {
        let gone: Bool? = try await TestEnvironment.within(limit) {
            let selection = Selection(fieldSelector: "metadata.name=\(name)")
            while !Task.isCancelled {
                do {
                    let list = try await self.list(selection)
                    if list.items.isEmpty { return true }
                    for try await event in watch(selection, from: list.resourceVersion) {
                        if case .deleted = event { return true }
                    }
                } catch let error as KubeError where error.isRetryable || error.code == .expired {
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            return nil
        }
        if gone == nil { throw ObjectDidNotBecome(description: "\(api.kind) \(name) is not gone after \(limit)") }
    }
}
