public import JSON

/// An object of any kind, of which only the metadata is read (`metav1.PartialObjectMetadata`).
public struct PartialObjectMetadata: KubeObject, Hashable {
    /// The metadata.
    public var metadata: ObjectMeta

    /// Reads the metadata and nothing else.
    public init(json: JSONValue) throws(JSONDecodingError) {
        do { metadata = try ObjectMeta(json: json["metadata"] ?? [:]) } catch { throw error.inside("metadata") }
    }

    /// The metadata alone, in a form that a merge patch takes.
    public func json() -> JSONValue { ["metadata": metadata.json()] }

    /// Asks the server for metadata only. Whole objects are taken as well, from servers that know no such form (before 1.15).
    public static var serverProjection: String? { "PartialObjectMetadata" }
}
