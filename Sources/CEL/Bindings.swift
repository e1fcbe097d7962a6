public import JSON

/// The values of an expression's variables.
public struct Bindings {
    private enum Storage {
        case values([String: Value])
        case lookup((String) -> JSONValue?)
    }
    private let storage: Storage
    /// Whether a name such as `a.b` is bound, so that `a.b` in an expression need not be a selection from `a`.
    let hasQualifiedNames: Bool

    /// Variables by name. A name may be qualified: `"a.b"`.
    public init(_ values: [String: Value] = [:]) {
        storage = .values(values)
        hasQualifiedNames = values.keys.contains { $0.utf8.contains(UInt8(ascii: ".")) }
    }

    /// Variables that are looked up when an expression needs them, at most once per evaluation.
    /// - Parameter lookup: answers the value of a name, nil when there is no such variable.
    public init(_ lookup: @escaping (String) -> JSONValue?) {
        storage = .lookup(lookup)
        hasQualifiedNames = false
    }

    /// The value of a variable; `cache` remembers what was looked up.
    @inline(__always)
    func value(of name: String, _ cache: inout [(name: String, value: Value)]) -> Value? {
        switch storage {
        case .values(let values): return values[name]
        case .lookup(let lookup):
            // Expressions have few variables: looking through them takes less than a hash.
            if let known = cache.first(where: { $0.name == name }) { return known.value }
            guard let value = lookup(name).map({ Value($0) }) else { return nil }
            cache.append((name, value))
            return value
        }
    }
}

extension Bindings: ExpressibleByDictionaryLiteral {
    /// Variables by name; of those with the same name the last one stays.
    public init(dictionaryLiteral elements: (String, Value)...) {
        self.init(Dictionary(elements, uniquingKeysWith: { $1 }))
    }
}
