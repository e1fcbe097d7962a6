/// How an object is created, replaced or patched.
public struct WriteOptions: Sendable, Hashable {
    /// Whether everything is checked, defaulted and answered, and nothing stored. Default false.
    public var isDryRun: Bool
    /// Who is recorded as the manager of the fields written. Default nil: the program's name, from the `User-Agent`. Use one
    /// name per controller: each further manager of an object makes every later write to it dearer.
    public var fieldManager: String?
    /// What happens to fields the schema does not know. Default nil: as the server has it. Servers before 1.25 ignore it.
    public var fieldValidation: FieldValidation?

    /// Options; see the properties for defaults.
    public init(isDryRun: Bool = false, fieldManager: String? = nil, fieldValidation: FieldValidation? = nil) {
        self.isDryRun = isDryRun
        self.fieldManager = fieldManager
        self.fieldValidation = fieldValidation
    }

    var query: [(String, String)] {
        var query: [(String, String)] = []
        if isDryRun { query.append(("dryRun", "All")) }
        if let fieldManager { query.append(("fieldManager", fieldManager)) }
        if let fieldValidation { query.append(("fieldValidation", fieldValidation.rawValue)) }
        return query
    }
}

/// What the server does about unknown and duplicate fields.
public enum FieldValidation: String, Sendable, Hashable {
    /// Drops them silently.
    case ignore = "Ignore"
    /// Drops them with a warning, which the client logs.
    case warn = "Warn"
    /// Refuses the object.
    case strict = "Strict"
}
