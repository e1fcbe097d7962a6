public import JSON
public import KubeClient

/// Who does something alone, and since when (`coordination.k8s.io/v1`).
///
/// Metadata that this process does not understand is kept when the object is written back; unknown members of `spec`
/// are not.
public struct Lease: KubeResource, Described, Hashable {
    public static let api = APIResource(group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases")

    /// Standard object metadata.
    public var metadata = ObjectMeta()
    /// Who holds it.
    public var spec = LeaseSpec()

    /// A lease that nobody holds.
    public init() {}

    /// A lease about to be created.
    public init(_ key: ObjectKey, spec: LeaseSpec = LeaseSpec()) {
        metadata = ObjectMeta(name: key.name, namespace: key.namespace)
        self.spec = spec
    }

    public static let about = "Who does something alone, and since when."
    public static let fields: [Field<Lease>] = [
        Field("metadata", \.metadata, "Standard object metadata."),
        Field("spec", \.spec, "Who holds the lease."),
    ]
}

/// Who holds a lease (`coordination.k8s.io/v1` LeaseSpec). Times are the holder's wall clock: for people to read, never
/// to be compared with another clock.
public struct LeaseSpec: Described, Hashable {
    /// nil or empty when nobody holds it.
    public var holderIdentity: String?
    /// How long others leave it alone after they last saw it change, in seconds; above 0.
    public var leaseDurationSeconds: Int?
    /// When the holder took it.
    public var acquireTime: MicroTime?
    /// When the holder last said that it is there.
    public var renewTime: MicroTime?
    /// How often it went from one holder to another. Starts again at 0 when the object is deleted.
    public var leaseTransitions: Int?

    /// A lease that nobody holds.
    public init() {}

    /// The holder, or nil when there is none.
    var holder: String? { holderIdentity.flatMap { $0.isEmpty ? nil : $0 } }

    public static let about = "Who holds a lease."
    public static let fields: [Field<LeaseSpec>] = [
        Field("holderIdentity", \.holderIdentity, "Who holds the lease; empty when nobody does."),
        Field("leaseDurationSeconds", \.leaseDurationSeconds, "How long others wait for a silent holder."),
        Field("acquireTime", \.acquireTime, "When the holder took the lease."),
        Field("renewTime", \.renewTime, "When the holder last renewed the lease."),
        Field("leaseTransitions", \.leaseTransitions, "How often the lease went to another holder."),
    ]
}

/// A point in time as `metav1.MicroTime` has it: RFC 3339 with exactly six digits of fraction, since API servers refuse
/// any other number of them (apimachinery `meta/v1/micro_time.go`).
public struct MicroTime: SchemaRepresentable, Hashable, CustomStringConvertible {
    /// The point in time; what is finer than a microsecond is not written.
    public var timestamp: Timestamp

    /// A point in time.
    public init(_ timestamp: Timestamp) { self.timestamp = timestamp }

    /// A string of format `date-time`.
    public static var schema: JSONSchema { JSONSchema(.string, format: "date-time") }

    /// Reads an RFC 3339 string with any fraction.
    public init(json: JSONValue) throws(JSONDecodingError) { timestamp = try Timestamp(json: json) }

    /// An RFC 3339 string with six digits of fraction.
    public func json() -> JSONValue { .string(description) }

    /// `2026-11-21T06:15:00.000000Z`
    public var description: String {
        let text = timestamp.description
        // The timestamp leaves out a fraction of zero.
        return timestamp.nanoseconds > 0 ? text : text.dropLast() + ".000000Z"
    }
}
