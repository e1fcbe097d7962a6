public import JSON

/// Namespace and name: what identifies an object of one kind at one moment.
public struct ObjectKey: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// nil for objects of the cluster.
    public let namespace: String?
    /// Unique in the namespace.
    public let name: String

    /// A key from its parts.
    public init(namespace: String?, name: String) {
        self.namespace = namespace
        self.name = name
    }

    /// `gis/deploy-honolulu`, or only the name for objects of the cluster.
    public var description: String { namespace.map { "\($0)/\(name)" } ?? name }

    /// By namespace, then by name.
    public static func < (left: ObjectKey, right: ObjectKey) -> Bool {
        (left.namespace ?? "", left.name) < (right.namespace ?? "", right.name)
    }
}

/// The metadata every object carries (`metav1.ObjectMeta`, without `managedFields`, which the client never builds).
public struct ObjectMeta: Described, Hashable {
    /// Unique among the living objects of one kind in one namespace.
    public var name = ""
    /// A prefix from which the server makes a unique name.
    public var generateName: String?
    /// nil for objects of the cluster.
    public var namespace: String?
    /// Given by the server; never reused.
    public var uid = ""
    /// Opaque; changes with every write.
    public var resourceVersion = ""
    /// Changes with every write to the spec.
    public var generation: Int?
    /// When the server stored the object first.
    public var creationTimestamp: Timestamp?
    /// Set when deletion was asked for and finalizers hold the object.
    public var deletionTimestamp: Timestamp?
    /// Selectable by `labelSelector`.
    public var labels: [String: String]?
    /// Anything a tool wants to keep with the object.
    public var annotations: [String: String]?
    /// Each must be removed by its owner before the object goes away.
    public var finalizers: [String]?
    /// Objects whose deletion deletes this one.
    public var ownerReferences: [OwnerReference]?

    /// Metadata without a name.
    public init() {}

    /// Metadata of an object about to be created.
    public init(name: String, namespace: String? = nil, labels: [String: String]? = nil) {
        self.name = name
        self.namespace = namespace
        self.labels = labels
    }

    /// Namespace and name.
    public var key: ObjectKey { ObjectKey(namespace: namespace, name: name) }

    /// The owner that manages the object, of which there is one at most.
    public var controllingOwner: OwnerReference? { ownerReferences?.first { $0.controller == true } }

    public static let about = "Standard object metadata."
    public static let fields: [Field<ObjectMeta>] = [
        Field("name", \.name, "Unique within the namespace."),
        Field("generateName", \.generateName, "Prefix of a name made by the server."),
        Field("namespace", \.namespace, "The namespace of the object."),
        Field("uid", \.uid, "Identity in space and time."),
        Field("resourceVersion", \.resourceVersion, "Opaque version of the stored object."),
        Field("generation", \.generation, "Sequence number of the desired state."),
        Field("creationTimestamp", \.creationTimestamp, "When the object was created."),
        Field("deletionTimestamp", \.deletionTimestamp, "When deletion was asked for."),
        Field("labels", \.labels, "Selectable key-value pairs."),
        Field("annotations", \.annotations, "Arbitrary key-value pairs."),
        Field("finalizers", \.finalizers, "What must happen before deletion."),
        Field("ownerReferences", \.ownerReferences, "Objects this one depends on."),
    ]

    /// Reads the listed fields.
    public init(json: JSONValue) throws(JSONDecodingError) { try readFields(of: json) }

    /// Leaves out what the server has not given yet.
    public func json() -> JSONValue {
        var members: [String: JSONValue] = [:]
        for field in Self.fields {
            guard let value = field.value(in: self), value != "" else { continue }
            members[field.name] = value
        }
        return .object(members)
    }
}

/// An object that this one belongs to (`metav1.OwnerReference`).
public struct OwnerReference: Described, Hashable {
    /// Of the owner.
    public var apiVersion = ""
    /// Of the owner.
    public var kind = ""
    /// Of the owner, in the same namespace.
    public var name = ""
    /// Of the owner.
    public var uid = ""
    /// Whether the owner manages this object.
    public var controller: Bool?
    /// Whether the owner waits for this object to go first.
    public var blockOwnerDeletion: Bool?

    /// An empty reference.
    public init() {}

    /// A reference to an object in the same namespace, or to one of the cluster. Deleting the owner then deletes what refers
    /// to it.
    /// - Parameter controls: whether the owner manages the object; an object has one such owner at most.
    public init(to owner: ObjectMeta, of api: APIResource, controls: Bool = true) {
        apiVersion = api.apiVersion
        kind = api.kind
        name = owner.name
        uid = owner.uid
        controller = controls
        blockOwnerDeletion = controls
    }

    public static let about = "A reference to an owning object."
    public static let fields: [Field<OwnerReference>] = [
        Field("apiVersion", \.apiVersion, "API version of the owner."),
        Field("kind", \.kind, "Kind of the owner."),
        Field("name", \.name, "Name of the owner."),
        Field("uid", \.uid, "UID of the owner."),
        Field("controller", \.controller, "Whether the owner is the managing controller."),
        Field("blockOwnerDeletion", \.blockOwnerDeletion, "Whether the owner waits for this object."),
    ]
}
