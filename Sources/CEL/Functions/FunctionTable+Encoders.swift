extension FunctionTable {
    mutating func addEncoders() {
        global("base64.encode") { value, budget throws(CELError) in
            guard case .bytes(let bytes) = value else { throw Value.noOverload("base64.encode", value) }
            try budget.charge(bytes: bytes.count * 4 / 3)
            return .string(Base64.encode(bytes))
        }
        global("base64.decode") { value, budget throws(CELError) in
            guard case .string(let text) = value else { throw Value.noOverload("base64.decode", value) }
            try budget.charge(bytes: text.utf8.count)
            guard let bytes = Base64.decode(text) else { throw CELError("\(value.summary) is not base64") }
            return .bytes(bytes)
        }
    }
}
