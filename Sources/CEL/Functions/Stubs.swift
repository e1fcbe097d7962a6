extension FunctionTable {
    mutating func addStringExtensions() {}
    mutating func addRegularExpressions() {}
    mutating func addKubernetes() {}
}
enum StringFunctions {
    static func indexOf(_ arguments: [Value], _ budget: inout Budget) throws(CELError) -> Value { .null }
    static func lastIndexOf(_ arguments: [Value], _ budget: inout Budget) throws(CELError) -> Value { .null }
}
struct RegularExpression { init?(constant: any Code) { return nil } }
final class Match: Code {
    init(_ a: any Code, _ b: RegularExpression, _ s: Span) {}
    func evaluate(_ frame: inout Frame) throws(CELError) -> Value { .null }
}
