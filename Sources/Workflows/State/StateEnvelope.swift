internal import JSON

/// A compressed state document: still JSON, with what people look for in plain sight and the whole state beside it.
///
///     {"commitId": …, "currentStep": …, "epoch": …, "name": …, "namespace": …, "processId": …, "schemaVersion": …,
///      "status": …, "version": …, "encoding": "gzip", "bytes": 31007, "payload": "H4sI…"}
///
/// The payload is what counts: `jq -r .payload | base64 -d | gunzip` shows it. A plain field that says something else
/// was edited by hand, and makes the state invalid instead of being ignored. Whoever repairs such a state stores the
/// plain document; it is read whether compression is on or not.
enum StateEnvelope {
    /// Smaller documents gain little, and stay readable.
    static let threshold = 4 << 10
    /// What a document or a part may measure before compression; as much as a client takes from Redis at once.
    static let maximumBytes = 64 << 20

    private static let encoding = "gzip"
    private static let plainFields = ProcessState.fields.filter { field in
        [
            "schemaVersion", "version", "epoch", "commitId", "processId", "namespace", "name", "status", "currentStep",
        ].contains(field.name)
    }
    private static let ownFields: Set<String> = ["encoding", "bytes", "payload"]

    /// The document as it is stored when state is compressed.
    static func wrap(_ document: StoredDocument, of state: ProcessState) -> StoredDocument {
        guard isWorthwhile(document.bytes) else { return document }
        var members: [String: JSONValue] = [
            "encoding": .string(encoding), "bytes": .int(Int64(document.bytes.count)),
            "payload": .string(Gzip.compress(document.bytes).base64),
        ]
        for field in plainFields { members[field.name] = field.value(in: state) }
        return StoredDocument(JSONValue.object(members).serialized())
    }

    /// The bytes of a part as they are stored when state is compressed. Its digest stays that of the plain bytes.
    static func pack(part bytes: [UInt8]) -> [UInt8] { isWorthwhile(bytes) ? Gzip.compress(bytes) : bytes }

    /// The plain bytes of a part.
    static func unpack(part bytes: [UInt8], _ reference: PartReference) throws(Gzip.Failure) -> [UInt8] {
        guard Gzip.isCompressed(bytes) else { return bytes }
        return try Gzip.decompress(bytes, limit: min(reference.bytes, maximumBytes))
    }

    private static func isWorthwhile(_ bytes: [UInt8]) -> Bool {
        bytes.count > threshold && bytes.count <= maximumBytes
    }

    /// The state in a document, compressed or not.
    static func unwrap(_ document: JSONValue) throws(InvalidState) -> JSONValue {
        guard let encoding = document["encoding"] else { return document }
        guard encoding.string == Self.encoding else {
            throw InvalidState(faults: ["encoding: is \(encoding), expected \"\(Self.encoding)\""])
        }
        guard let text = document["payload"]?.string, let payload = [UInt8](base64: text) else {
            throw InvalidState(faults: ["payload: is not base64"])
        }
        let limit = min(document["bytes"]?.int.map { Int($0) } ?? 0, maximumBytes)
        let state: JSONValue
        do {
            state = try JSONValue(parsing: Gzip.decompress(payload, limit: max(0, limit)))
        } catch {
            throw InvalidState(faults: ["payload: \(error)"])
        }
        let faults = differences(document, state)
        guard faults.isEmpty else { throw InvalidState(faults: faults) }
        return state
    }

    private static func differences(_ envelope: JSONValue, _ state: JSONValue) -> [String] {
        let help = "store the whole state uncompressed to change it"
        var faults: [String] = []
        for name in plainFields.map(\.name) {
            let (outside, inside) = (envelope[name] ?? .null, state[name] ?? .null)
            if outside != inside { faults.append("\(name): is \(outside), and \(inside) in the payload; \(help)") }
        }
        let known = ownFields.union(plainFields.map(\.name))
        for name in (envelope.object ?? [:]).keys.sorted() where !known.contains(name) {
            faults.append("\(name): is not a field of a compressed state; \(help)")
        }
        return faults
    }
}

/// The content of a stored part, compressed or not.
package enum PartContent {
    /// SHA-256 of the plain bytes, which is the part's name; nil when they cannot be had.
    package static func digest(of stored: [UInt8]) -> String? {
        guard Gzip.isCompressed(stored) else { return Digest.sha256(stored) }
        return (try? Gzip.decompress(stored, limit: StateEnvelope.maximumBytes)).map { Digest.sha256($0) }
    }
}
