public import JSON
public import KubeClient

/// A process: what is to be run, and how far it is.
///
/// The spec is kept as it was written. It is read by `validSpec()`, so that one malformed resource can be reported on
/// its own and never stands in the way of others.
public struct HonuaProcess: KubeResource, Hashable {
    public static let api = APIResource(
        group: "honua.io",
        version: "v1alpha1",
        kind: "HonuaProcess",
        plural: "honuaprocesses"
    )

    /// Makes deletion wait until the process is cancelled and its state removed.
    public static let finalizer = "honua.io/process"
    /// Carries the process id, which is the UID of the object that was started.
    public static let processIDLabel = "honua.io/process-id"
    /// Set by whoever has decided what becomes of a resource that was restored or copied: the id of the process from whose
    /// state it goes on, or `anew`.
    public static let adoptAnnotation = "honua.io/adopt"
    /// See `adoptAnnotation`.
    public static let adoptAnew = "anew"
    /// Names the kind of store that was in use when the process was accepted: redis or memory.
    public static let stateStoreAnnotation = "honua.io/state-store"

    public var metadata: ObjectMeta
    /// As written by the user.
    public var spec: JSONValue
    /// nil for a status that is missing or unreadable.
    public var status: HonuaProcessStatus?

    /// A process about to be created.
    public init(name: String, namespace: String, spec: HonuaProcessSpec) {
        metadata = ObjectMeta(name: name, namespace: namespace)
        self.spec = spec.json()
    }

    /// Reads an object; only its metadata must be readable.
    public init(json: JSONValue) throws(JSONDecodingError) {
        do { metadata = try ObjectMeta(json: json["metadata"] ?? [:]) } catch { throw error.inside("metadata") }
        spec = json["spec"] ?? [:]
        status = json["status"].flatMap { try? HonuaProcessStatus(json: $0) }
    }

    /// The same without building a value of the whole: lists and watches are read this way.
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) {
        metadata = ObjectMeta()
        spec = [:]
        try reader.readObject { name, reader throws(JSONDecodingError) in
            switch name {
            case "metadata": metadata = try ObjectMeta(reading: &reader)
            case "spec": spec = try JSONValue(reading: &reader)
            case "status": status = try reader.readIfValid(HonuaProcessStatus.self)
            default: break
            }
        }
    }

    /// The whole object.
    public func json() -> JSONValue {
        var json: JSONValue = [
            "apiVersion": .string(Self.api.apiVersion), "kind": .string(Self.api.kind),
            "metadata": metadata.json(), "spec": spec,
        ]
        json["status"] = status?.json()
        return json
    }

    /// The kind of store that was in use when the process was accepted; nil before, and for older objects.
    public var acceptedInto: String? { metadata.annotations?[Self.stateStoreAnnotation] }

    private static let specSchema = HonuaProcessSpec.schema

    /// The spec, checked against every rule of its schema, those included that old API servers do not know.
    /// - Throws: every violation, with paths that begin at `spec`.
    public func validSpec() throws(InvalidSpec) -> HonuaProcessSpec {
        let violations = Self.specSchema.violations(of: spec)
        guard violations.isEmpty else { throw InvalidSpec(violations.map { $0.inside("spec") }) }
        do {
            return try HonuaProcessSpec(json: spec)
        } catch {
            throw InvalidSpec([error.inside("spec")])
        }
    }
}

/// A spec that cannot be run until somebody changes it.
public struct InvalidSpec: Error, Sendable, CustomStringConvertible {
    /// Each with its path.
    public let violations: [JSONSchema.Violation]

    /// From violations; there must be one at least.
    public init(_ violations: [JSONSchema.Violation]) { self.violations = violations }

    /// All violations in one line, at most five.
    public var description: String {
        let shown = violations.prefix(5).map(\.description).joined(separator: "; ")
        return violations.count > 5 ? "\(shown); and \(violations.count - 5) more" : shown
    }
}
