public import JSON

/// An object of any kind: something with metadata.
public protocol KubeObject: JSONConvertible {
    /// Name, namespace, versions, labels and the like.
    var metadata: ObjectMeta { get }
    /// The form in which the server is asked to send objects (`as=` in the media type); nil for the objects as they are.
    static var serverProjection: String? { get }
}

extension KubeObject {
    /// The objects as they are.
    public static var serverProjection: String? { nil }

    static func accept(isList: Bool = false) -> String {
        guard let projection = serverProjection else { return "application/json" }
        return "application/json;as=\(projection)\(isList ? "List" : "");g=meta.k8s.io;v=v1,application/json"
    }
}

/// An object of a kind known at compile time.
///
/// ```swift
/// struct ConfigMap: KubeResource, Codable {
///     static let api = APIResource(version: "v1", kind: "ConfigMap", plural: "configmaps")
///     var metadata: ObjectMeta
///     var data: [String: String]?
/// }
/// ```
public protocol KubeResource: KubeObject {
    /// Where the API server serves this kind.
    static var api: APIResource { get }
}

/// An object of a kind known only at run time.
public struct DynamicObject: KubeObject, Hashable {
    /// The whole object.
    public var content: JSONValue {
        didSet {
            guard let changed = try? ObjectMeta(json: content["metadata"] ?? [:]) else { return }
            metadata = changed
        }
    }
    /// Read from the content, and again when that changes; an object without readable metadata is refused by
    /// `init(json:)`.
    public private(set) var metadata: ObjectMeta

    /// Wraps an object; its metadata must be readable.
    public init(json: JSONValue) throws(JSONDecodingError) {
        content = json
        do { metadata = try ObjectMeta(json: json["metadata"] ?? [:]) } catch { throw error.inside("metadata") }
    }

    /// Reads an object from JSON text.
    public init(parsing bytes: [UInt8]) throws {
        try self.init(json: JSONValue(parsing: bytes, skipping: ["metadata", "managedFields"]))
    }

    /// The content.
    public func json() -> JSONValue { content }

    /// Whether a condition of the object has this status.
    public func hasCondition(_ type: String, _ status: String = "True") -> Bool {
        (content[path: "status", "conditions"]?.array ?? []).contains {
            $0["type"]?.string == type && $0["status"]?.string == status
        }
    }
}

/// One page, or all, of a list.
public struct ObjectList<Object: KubeObject>: Sendable {
    /// In the server's order.
    public let items: [Object]
    /// The version of the whole list; a watch from here misses nothing. Empty for lists of what is not stored, such as
    /// those of `metrics.k8s.io`, which cannot be watched.
    public let resourceVersion: String
    /// Given to the next request when there are more pages.
    public let continueToken: String?
    /// How many objects follow on further pages, where the server knows.
    public let remainingItemCount: Int?
}

extension ObjectMeta: Codable {
    /// Through the listed fields.
    public init(from decoder: any Decoder) throws {
        self = try ObjectMeta(json: try decoder.singleValueContainer().decode(JSONValue.self))
    }

    /// Through the listed fields.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(json())
    }
}
