extension FunctionTable {
    mutating func addStringExtensions() {
        method("charAt", StringFunctions.charAt)
        // With two arguments the functions for lists decide.
        method("indexOf", 2...2, StringFunctions.indexOf)
        method("lastIndexOf", 2...2, StringFunctions.lastIndexOf)
        method("substring", 1...2, StringFunctions.substring)
        method("replace", 2...3, StringFunctions.replace)
        method("split", 1...2, StringFunctions.split)
        method("join", 0...1, StringFunctions.join)
        method("format", 1...1) { arguments, budget throws(CELError) in
            guard case .string(let format) = arguments[0], case .list(let values) = arguments[1] else {
                throw StringFunctions.noOverload("format", arguments)
            }
            return .string(try TextFormat.format(format, values, &budget))
        }
        addMapping("trim") { StringFunctions.trimmed($0) }
        addMapping("lowerAscii") { StringFunctions.mapped($0, 0x41...0x5A) }
        addMapping("upperAscii") { StringFunctions.mapped($0, 0x61...0x7A) }
        global("strings.quote") { value, budget throws(CELError) in
            guard case .string(let text) = value else { throw Value.noOverload("strings.quote", value) }
            try budget.charge(bytes: text.utf8.count * 4)
            return .string(text.quoted)
        }
    }

    private mutating func addMapping(_ name: String, _ map: @escaping @Sendable (String) -> String) {
        method(name) { value, budget throws(CELError) in
            guard case .string(let text) = value else { throw Value.noOverload(name, value) }
            try budget.charge(bytes: text.utf8.count * 4)
            return .string(map(text))
        }
    }
}
