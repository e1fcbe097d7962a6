internal import JSON

/// A variable and the fields selected from it: `steps.a.outputs`. Most of what expressions do.
final class Path: Code {
    let variable: String
    let fields: [String]
    /// Of the variable and of each longer part.
    let spans: [Span]
    let isAbsolute: Bool

    init(_ variable: String, _ fields: [String], spans: [Span], isAbsolute: Bool) {
        self.variable = variable
        self.fields = fields
        self.spans = spans
        self.isAbsolute = isAbsolute
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        if frame.bindings.hasQualifiedNames || !frame.container.isEmpty { return try evaluateQualified(&frame) }
        guard let value = frame.variable(variable) else { throw undeclared(&frame) }
        return fields.isEmpty ? value : try select(from: value, 0, frame)
    }

    /// The longest part of the path that is the name of a variable wins, in the innermost container first.
    private func evaluateQualified(_ frame: inout Frame) throws(CELError) -> Value {
        var container = isAbsolute ? "" : frame.container
        while true {
            var name = (container.isEmpty ? [variable] : [container, variable]).joined(separator: ".")
            var found = frame.variable(name).map { ($0, 0) }
            for (index, field) in fields.enumerated() {
                name += ".\(field)"
                if let value = frame.variable(name) { found = (value, index + 1) }
            }
            if let (value, used) = found { return used == fields.count ? value : try select(from: value, used, frame) }
            if container.isEmpty { break }
            container = container.lastIndex(of: ".").map { String(container[..<$0]) } ?? ""
        }
        throw undeclared(&frame)
    }

    private func undeclared(_ frame: inout Frame) -> CELError {
        CELError("undeclared reference to \"\(variable)\"").located(spans[0], in: frame.source)
    }

    private func select(from value: Value, _ first: Int, _ frame: borrowing Frame) throws(CELError) -> Value {
        // JSON is walked as it is: nothing in between is wrapped.
        guard case .map(let map) = value, case .json(var members) = map.storage else {
            return try selectStepwise(from: value, first, frame)
        }
        var index = first
        while true {
            guard let member = members[fields[index]] else { throw missing(index, frame) }
            index += 1
            if index == fields.count { return Value(member) }
            guard case .object(let next) = member else { return try selectStepwise(from: Value(member), index, frame) }
            members = next
        }
    }

    private func selectStepwise(
        from value: Value,
        _ first: Int,
        _ frame: borrowing Frame
    ) throws(CELError) -> Value {
        var value = value
        for index in first..<fields.count {
            do throws(CELError) {
                guard let member = try value.selecting(fields[index]) else { throw missing(index, frame) }
                value = member
            } catch {
                throw error.located(spans[index + 1], in: frame.source)
            }
        }
        return value
    }

    private func missing(_ index: Int, _ frame: borrowing Frame) -> CELError {
        let path = fields[...index].reduce(variable) { $0 + Self.selection(of: $1) }
        return CELError("no such key: \(path)").located(spans[index + 1], in: frame.source)
    }

    /// `.name`, or `["name"]` when the name is none an expression could write.
    static func selection(of field: String) -> String {
        let isName = field.utf8.first?.isDigit == false && field.utf8.allSatisfy { $0.isLetter || $0.isDigit }
        return isName ? ".\(field)" : "[\(field.quoted)]"
    }
}

extension Value {
    /// The field of a map, nil when it has none; of an optional, an optional.
    func selecting(_ field: String) throws(CELError) -> Value? {
        switch self {
        case .map(let map): return map[field: field]
        case .optional(let content):
            guard let content else { return self }
            return .optional(try content.selecting(field))
        default: throw CELError("a value of type \(type.name) has no field \"\(field)\"")
        }
    }

    /// The element at an index, or the value of a key.
    func indexed(by index: Value) throws(CELError) -> Value {
        switch self {
        case .map(let map):
            if let value = map[index] { return value }
            guard index.isPossibleKey else {
                throw CELError("no such overload: a value of type \(index.type.name) is no key of a map")
            }
            throw CELError("no such key: \(index.summary)")
        case .list(let list):
            let position = try index.listIndex()
            guard let position, list.indices.contains(position) else {
                throw CELError("index \(index.summary) is out of range; the list has \(list.count) elements")
            }
            return list[position]
        case .optional(let content):
            guard let content else { return self }
            return .optional(try content.indexedIfPresent(by: index))
        default: throw CELError("no such overload: a value of type \(type.name) has no elements")
        }
    }

    /// The element or the value, or nil when there is none.
    func indexedIfPresent(by index: Value) throws(CELError) -> Value? {
        switch self {
        case .map(let map):
            guard index.isPossibleKey else {
                throw CELError("no such overload: a value of type \(index.type.name) is no key of a map")
            }
            return map[index]
        case .list(let list):
            guard let position = try index.listIndex(), list.indices.contains(position) else { return nil }
            return list[position]
        case .optional(let content): return try content?.indexedIfPresent(by: index)
        default: throw CELError("no such overload: a value of type \(type.name) has no elements")
        }
    }

    private var isPossibleKey: Bool {
        switch self {
        case .bool, .int, .uint, .double, .string: true
        default: false
        }
    }

    /// A whole number of any type as an index, nil when it cannot be one.
    private func listIndex() throws(CELError) -> Int? {
        switch self {
        case .int(let value): return Int(exactly: value)
        case .uint(let value): return Int(exactly: value)
        case .double(let value): return Int(exactly: value)
        default: throw CELError("no such overload: a list has no index of type \(type.name)")
        }
    }
}
