public import JSON
public import KubeClient

/// The manifest that teaches an API server a kind (apiextensions.k8s.io/v1), made from the Swift types.
public enum CustomResourceDefinition {
    /// Where definitions are served.
    public static let api = APIResource(
        group: "apiextensions.k8s.io",
        version: "v1",
        kind: "CustomResourceDefinition",
        plural: "customresourcedefinitions",
        isNamespaced: false
    )

    /// The definitions of every kind of this product, in the order in which they are installed.
    public static let all: [JSONValue] = [honuaProcess, honuaProcessTemplate]

    private static let honuaProcess = manifest(
        of: HonuaProcess.api,
        shortNames: ["hp"],
        description: "A long-running operation made of steps: what is to be run, and how far it is.",
        spec: HonuaProcessSpec.schema,
        status: HonuaProcessStatus.schema,
        // A fresh object must not look finished to tools that compare generations, and must show a phase before the
        // operator has spent a write on it.
        defaultStatus: ["observedGeneration": -1, "phase": "Pending"],
        columns: [
            Column("Type", ".spec.processType"),
            Column("Phase", ".status.phase"),
            Column("Step", ".status.currentStep"),
            Column("%", ".status.completionPercentage", type: "integer"),
            Column("Ready", ".status.conditions[?(@.type==\"Ready\")].status"),
            Column("Reason", ".status.conditions[?(@.type==\"Ready\")].reason", isWide: true),
            Column("Message", ".status.conditions[?(@.type==\"Ready\")].message", isWide: true),
            Column("Started", ".status.startTime", type: "date", isWide: true),
            Column("Finished", ".status.endTime", type: "date", isWide: true),
            Column("Age", ".metadata.creationTimestamp", type: "date"),
        ]
    )

    private static let honuaProcessTemplate = manifest(
        of: HonuaProcessTemplate.api,
        shortNames: ["hpt"],
        description: "A definition by name, to which the processes of its namespace may refer.",
        spec: HonuaProcessTemplate.specSchema,
        status: HonuaProcessTemplateStatus.schema,
        // A fresh object must not look finished to tools that compare generations.
        defaultStatus: ["observedGeneration": -1],
        columns: [
            Column("Ready", ".status.conditions[?(@.type==\"Ready\")].status"),
            Column("Hash", ".status.hash"),
            Column("Description", ".spec.description", isWide: true),
            Column("Message", ".status.conditions[?(@.type==\"Ready\")].message", isWide: true),
            Column("Age", ".metadata.creationTimestamp", type: "date"),
        ]
    )

    /// A column of `kubectl get`.
    private struct Column {
        let json: JSONValue

        init(_ name: String, _ path: String, type: String = "string", isWide: Bool = false) {
            var json: JSONValue = ["name": .string(name), "jsonPath": .string(path), "type": .string(type)]
            if isWide { json["priority"] = 1 }
            self.json = json
        }
    }

    private static func manifest(
        of api: APIResource,
        shortNames: [String],
        description: String,
        spec: JSONSchema,
        status: JSONSchema,
        defaultStatus: JSONValue,
        columns: [Column]
    ) -> JSONValue {
        var root = JSONSchema(.object)
        root.description = description
        root.properties = [
            "apiVersion": JSONSchema(.string).with(\.description, "Version of the schema of this object."),
            "kind": JSONSchema(.string).with(\.description, "The kind of this object."),
            "metadata": JSONSchema(.object),
            "spec": spec,
            "status": status.with(\.defaultValue, defaultStatus),
        ]
        root.required = ["spec"]
        return [
            "apiVersion": .string(Self.api.apiVersion),
            "kind": .string(Self.api.kind),
            "metadata": ["name": .string(api.qualifiedName)],
            "spec": [
                "group": .string(api.group),
                "scope": .string(api.isNamespaced ? "Namespaced" : "Cluster"),
                "names": [
                    "kind": .string(api.kind), "listKind": .string(api.kind + "List"), "plural": .string(api.plural),
                    "singular": .string(api.kind.lowercased()),
                    "shortNames": .array(shortNames.map { .string($0) }), "categories": ["honua"],
                ],
                "versions": [
                    [
                        "name": .string(api.version), "served": true, "storage": true,
                        "schema": ["openAPIV3Schema": root.openAPI],
                        "subresources": ["status": [:]],
                        "additionalPrinterColumns": .array(columns.map(\.json)),
                    ]
                ],
            ],
        ]
    }
}
