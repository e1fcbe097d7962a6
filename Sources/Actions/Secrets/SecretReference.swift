public import JSON

/// Where an input stands for the value of a Secret in the process's namespace: `{secretKeyRef: {name, key}}`.
///
/// The value is read at the moment of use, as the step's account; see `ResolvedSecrets`.
public struct SecretReference: Sendable, Hashable {
    /// Of the Secret.
    public let name: String
    /// In its `data`.
    public let key: String

    /// nil when the input is no reference.
    public init?(_ input: JSONValue?) {
        guard let members = input?.object, members.count == 1, let reference = members["secretKeyRef"],
            let name = reference["name"]?.string, let key = reference["key"]?.string
        else { return nil }
        self.name = name
        self.key = key
    }

    /// Of a reference alone.
    public static var schema: JSONSchema {
        let name = JSONSchema(.string).with(\.minLength, 1)
        let reference = JSONSchema(.object)
            .with(
                \.properties,
                [
                    "name": name.with(\.description, "Of a Secret in the process's namespace."),
                    "key": name.with(\.description, "In its data."),
                ]
            )
            .with(\.required, ["name", "key"])
        return JSONSchema(.object).with(\.properties, ["secretKeyRef": reference]).with(\.required, ["secretKeyRef"])
    }

    /// Of a string that may be given as a reference.
    public static func textSchema(_ description: String? = nil) -> JSONSchema {
        JSONSchema(nil).with(\.description, description).with(\.preservesUnknownFields, true)
            .with(\.anyOf, [JSONSchema(.string), schema])
    }

    /// Of any value, or a reference in place of a string: what looks like a reference must be one.
    public static func valueSchema(_ description: String? = nil) -> JSONSchema {
        let rule = JSONSchema.Rule(
            "type(self) != map || !has(self.secretKeyRef) || size(self) == 1 && self.secretKeyRef.name != '' "
                + "&& self.secretKeyRef.key != ''",
            message: "secretKeyRef must stand alone, with a name and a key",
            holds: { $0["secretKeyRef"] == nil || SecretReference.schema.violations(of: $0).isEmpty }
        )
        return JSONSchema(nil).with(\.description, description).with(\.preservesUnknownFields, true)
            .with(\.rules, [rule])
    }
}

extension SecretReference: CustomStringConvertible {
    /// For people: `key "password" of Secret "db"`.
    public var description: String { "key \"\(key)\" of Secret \"\(name)\"" }
}
