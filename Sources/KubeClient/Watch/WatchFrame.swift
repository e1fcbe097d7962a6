internal import JSON

/// An event as it goes over the wire (`metav1.WatchEvent`).
enum WatchFrame<Object: KubeObject>: JSONConvertible {
    case event(String, Object)
    /// A bookmark, an error, or something unknown.
    case notice(String, JSONValue)

    private static func isChange(_ type: String) -> Bool { type == "ADDED" || type == "MODIFIED" || type == "DELETED" }

    init(json: JSONValue) throws(JSONDecodingError) {
        let type: String
        do { type = try String(json: json["type"] ?? .null) } catch { throw error.inside("type") }
        let content = json["object"] ?? .null
        guard Self.isChange(type) else {
            self = .notice(type, content)
            return
        }
        do { self = .event(type, try Object(json: content)) } catch { throw error.inside("object") }
    }

    /// Servers put the type first, so the object can be read as what it is at once. Where it comes last, as something between
    /// may have sorted the members, `init(json:)` has the word.
    init(reading reader: inout JSONReader) throws(JSONDecodingError) {
        var type: String?
        var frame: WatchFrame?
        try reader.readObject { name, reader throws(JSONDecodingError) in
            switch name {
            case "type": type = try reader.readString()
            case "object":
                guard let type else { throw JSONDecodingError("the type comes after the object") }
                frame =
                    Self.isChange(type)
                    ? .event(type, try Object(reading: &reader)) : .notice(type, try JSONValue(reading: &reader))
            default: break
            }
        }
        guard let frame else { throw JSONDecodingError("there is no object") }
        self = frame
    }

    func json() -> JSONValue {
        switch self {
        case .event(let type, let object): ["type": .string(type), "object": object.json()]
        case .notice(let type, let content): ["type": .string(type), "object": content]
        }
    }
}
