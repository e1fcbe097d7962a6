public import JSON
public import KubeClient

extension LeaseGate {
    /// The annotation of a fenced object that holds the epoch of its last fenced write.
    public static let epochAnnotation = "leader-election/epoch"
}

/// A fenced write that was not made because a later leader has written the object.
public struct SupersededEpoch: Error, Sendable, CustomStringConvertible {
    /// Of this process's term.
    public let epoch: Int
    /// Of the term that has written the object.
    public let newerEpoch: Int
    /// The object, for people.
    public let object: String

    /// One sentence.
    public var description: String {
        "\(object) was not written under epoch \(epoch): a leader of epoch \(newerEpoch) has written it. If there was none, "
            + "because the object was restored from another cluster, remove its annotation \(LeaseGate.epochAnnotation)"
    }
}

extension ResourceClient {
    /// How often a fenced write is tried when the object changes meanwhile, with pauses of 10 ms, jitter 0.1 (client-go
    /// `util/retry`, DefaultRetry).
    private static var fencedAttempts: Int { 5 }

    /// Reads an object and changes part of it, unless a later leader has been there, and leaves the epoch behind.
    ///
    /// The epoch of the term is kept in the annotation `LeaseGate.epochAnnotation` of the object. The write is made only
    /// if the epoch read is not newer than the gate's, and only onto the very version that was read.
    ///
    /// ## Guarantees
    /// After the first fenced write of a later term no fenced write of an earlier term reaches the object, and what a
    /// write is based on is what it replaces. This holds without any assumption on clocks: also for a request that was
    /// held up for hours between the gate and the server.
    ///
    /// ## Caveats
    /// An object that was restored from another cluster may carry an epoch of that one, greater than any to come here. Its
    /// annotation has to be removed by hand, as the error says.
    ///
    /// A delayed write may still arrive after a later leader was elected, as long as that one has not written the
    /// object. It protects objects that exist; two leaders may both create one of different names.
    ///
    /// - Parameters:
    ///   - name: of an object that exists.
    ///   - subresource: `.status` does not take annotations; where the epoch is new to the object, it is written first,
    ///     by a request of its own.
    ///   - gate: of this term. Must be open at each attempt, whether or not the client is guarded by it.
    ///   - change: a JSON merge patch for the object as read, or nil when there is nothing to change, which writes
    ///     nothing. Called again when the object changed meanwhile, up to five times.
    /// - Returns: the object as stored.
    /// - Throws: `SupersededEpoch`, `LeaseGate.Shut`, `KubeError`, and what `change` throws.
    public func patch(
        _ name: String,
        subresource: Subresource? = nil,
        fencedBy gate: LeaseGate,
        change: (Object) throws -> JSONValue?
    ) async throws -> Object {
        var backoff = Backoff(initial: .milliseconds(10), maximum: .milliseconds(10), jitter: 0.1)
        for _ in 1..<Self.fencedAttempts {
            do {
                return try await attempt(name, subresource, gate, change)
            } catch let error as KubeError where error.code == .conflict {
                try await Task.sleep(for: backoff.next())
            }
        }
        return try await attempt(name, subresource, gate, change)
    }

    private func attempt(
        _ name: String,
        _ subresource: Subresource?,
        _ gate: LeaseGate,
        _ change: (Object) throws -> JSONValue?
    ) async throws -> Object {
        // First, so that a process that no longer leads learns that, and not what it may have led to.
        try gate.requireOpen("the patch of \(api.kind) \(name)")
        let epoch = gate.epoch
        var object = try await get(name)
        let seen = object.metadata.annotations?[LeaseGate.epochAnnotation].flatMap { Int($0) } ?? 0
        guard seen <= epoch else {
            throw SupersededEpoch(epoch: epoch, newerEpoch: seen, object: "\(api.kind) \(object.metadata.key)")
        }
        guard let change = try change(object) else { return object }
        let annotations: JSONValue = [LeaseGate.epochAnnotation: "\(epoch)"]
        if subresource != nil, seen < epoch {
            try gate.requireOpen("the epoch of \(api.kind) \(object.metadata.key)")
            object = try await patch(
                name,
                .merge([
                    "metadata": [
                        "resourceVersion": .string(object.metadata.resourceVersion), "annotations": annotations,
                    ]
                ])
            )
        }
        var fence: JSONValue = ["metadata": ["resourceVersion": .string(object.metadata.resourceVersion)]]
        if subresource == nil { fence = fence.merging(["metadata": ["annotations": annotations]]) }
        try gate.requireOpen("the patch of \(api.kind) \(object.metadata.key)")
        return try await patch(name, .merge(change.merging(fence)), subresource: subresource)
    }
}
