public import JSON
public import KubeClient
public import Workflows

/// A definition by name, to which the processes of its namespace may refer.
///
/// The spec is kept as it was written. It is read by `validSpec()`, so that one malformed resource can be reported on
/// its own and never stands in the way of others.
public struct HonuaProcessTemplate: KubeResource, Hashable {
    public static let api = APIResource(
        group: "honua.io",
        version: "v1alpha1",
        kind: "HonuaProcessTemplate",
        plural: "honuaprocesstemplates"
    )

    public var metadata: ObjectMeta
    /// As written by the user.
    public var spec: JSONValue
    /// nil for a status that is missing or unreadable.
    public var status: HonuaProcessTemplateStatus?

    /// A template about to be created. Of the definition it keeps what templates may say: not its name, as the
    /// template has one, nor the definitions of sub-processes, which are looked up when a run begins.
    public init(name: String, namespace: String, definition: WorkflowDefinition) {
        metadata = ObjectMeta(name: name, namespace: namespace)
        spec = [:]
        for field in WorkflowDefinition.templateFields { spec[field.name] = field.value(in: definition) }
    }

    /// Reads an object; only its metadata must be readable.
    public init(json: JSONValue) throws(JSONDecodingError) {
        do { metadata = try ObjectMeta(json: json["metadata"] ?? [:]) } catch { throw error.inside("metadata") }
        spec = json["spec"] ?? [:]
        status = json["status"].flatMap { try? HonuaProcessTemplateStatus(json: $0) }
    }

    /// The same without building a value of the whole: lists and watches are read this way.
    public init(reading reader: inout JSONReader) throws(JSONDecodingError) {
        metadata = ObjectMeta()
        spec = [:]
        try reader.readObject { name, reader throws(JSONDecodingError) in
            switch name {
            case "metadata": metadata = try ObjectMeta(reading: &reader)
            case "spec": spec = try JSONValue(reading: &reader)
            case "status": status = try reader.readIfValid(HonuaProcessTemplateStatus.self)
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

    /// What a spec may say.
    public static let specSchema = WorkflowDefinition.schema(
        of: WorkflowDefinition.templateFields,
        about: "What a process does that refers to this template."
    )

    /// The definition, under the name of the template, checked against every rule of the schema. What the schema
    /// cannot express is left to `WorkflowDefinition.violations`.
    /// - Throws: every violation, with paths that begin at `spec`.
    public func validSpec() throws(InvalidSpec) -> WorkflowDefinition {
        let violations = Self.specSchema.violations(of: spec)
        guard violations.isEmpty else { throw InvalidSpec(violations.map { $0.inside("spec") }) }
        do {
            var definition = try WorkflowDefinition(json: spec)
            definition.name = metadata.name
            return definition
        } catch {
            throw InvalidSpec([error.inside("spec")])
        }
    }
}
