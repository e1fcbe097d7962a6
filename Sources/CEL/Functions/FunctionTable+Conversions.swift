internal import JSON

extension FunctionTable {
    mutating func addConversions() {
        global("dyn") { value, _ throws(CELError) in value }
        global("type") { value, _ throws(CELError) in .type(value.type) }
        global("bool") { value, _ throws(CELError) in try Conversions.bool(value) }
        global("int") { value, _ throws(CELError) in try Conversions.int(value) }
        global("uint") { value, _ throws(CELError) in try Conversions.uint(value) }
        global("double") { value, _ throws(CELError) in try Conversions.double(value) }
        global("bytes", Conversions.bytes)
        global("string", Conversions.string)
        global("timestamp") { value, _ throws(CELError) in try Conversions.timestamp(value) }
        global("duration") { value, _ throws(CELError) in try Conversions.duration(value) }
        global("size", Conversions.size)
        method("size", Conversions.size)
    }
}

/// The functions named after types.
enum Conversions {
    static func bool(_ value: Value) throws(CELError) -> Value {
        switch value {
        case .bool: return value
        case .string(let text):
            switch text {
            case "true", "True", "TRUE", "t", "1": return .bool(true)
            case "false", "False", "FALSE", "f", "0": return .bool(false)
            default: throw CELError("\(value.summary) is no boolean")
            }
        default: throw Value.noOverload("bool", value)
        }
    }

    static func int(_ value: Value) throws(CELError) -> Value {
        switch value {
        case .int: return value
        case .uint(let number):
            guard let int = Int64(exactly: number) else { throw outOfRange(value, "int") }
            return .int(int)
        case .double(let number):
            // The limits themselves are refused as well: a double near them may have been rounded.
            guard number > -0x1p63, number < 0x1p63 else { throw outOfRange(value, "int") }
            return .int(Int64(number))
        case .string(let text):
            guard let int = Int64(text), !text.hasPrefix("+") else { throw CELError("\(value.summary) is no int") }
            return .int(int)
        case .timestamp(let time): return .int(time.seconds)
        case .duration(let duration): return .int(duration.components.seconds)
        default: throw Value.noOverload("int", value)
        }
    }

    static func uint(_ value: Value) throws(CELError) -> Value {
        switch value {
        case .uint: return value
        case .int(let number):
            guard let uint = UInt64(exactly: number) else { throw outOfRange(value, "uint") }
            return .uint(uint)
        case .double(let number):
            guard number >= 0, number < 0x1p64 else { throw outOfRange(value, "uint") }
            return .uint(UInt64(number))
        case .string(let text):
            guard let uint = UInt64(text), !text.hasPrefix("+") else { throw CELError("\(value.summary) is no uint") }
            return .uint(uint)
        default: throw Value.noOverload("uint", value)
        }
    }

    static func double(_ value: Value) throws(CELError) -> Value {
        switch value {
        case .double: return value
        case .int(let number): return .double(Double(number))
        case .uint(let number): return .double(Double(number))
        case .string(let text):
            let isDecimal = text.utf8.allSatisfy { $0.isDigit || ".+-eE".utf8.contains($0) }
            let isName = ["nan", "inf", "infinity"].contains(text.lowercased().drop { $0 == "-" || $0 == "+" })
            guard isDecimal || isName, let number = Double(text) else {
                throw CELError("\(value.summary) is no double")
            }
            return .double(number)
        default: throw Value.noOverload("double", value)
        }
    }

    @Sendable static func bytes(_ value: Value, _ budget: inout Budget) throws(CELError) -> Value {
        switch value {
        case .bytes: return value
        case .string(let text):
            try budget.charge(bytes: text.utf8.count)
            return .bytes(Array(text.utf8))
        default: throw Value.noOverload("bytes", value)
        }
    }

    @Sendable static func string(_ value: Value, _ budget: inout Budget) throws(CELError) -> Value {
        switch value {
        case .string: return value
        case .bool(let value): return .string(String(value))
        case .int(let number): return .string(String(number))
        case .uint(let number): return .string(String(number))
        case .double(let number): return .string(number.shortest)
        case .bytes(let bytes):
            try budget.charge(bytes: bytes.count)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw CELError("these bytes are not valid UTF-8")
            }
            return .string(text)
        case .timestamp(let time): return .string(time.text)
        case .duration(let duration): return .string(duration.text)
        case .type(let type): return .string(type.name)
        case .other(let content):
            guard let text = content.text else { throw Value.noOverload("string", value) }
            return .string(text)
        default: throw Value.noOverload("string", value)
        }
    }

    static func timestamp(_ value: Value) throws(CELError) -> Value {
        switch value {
        case .timestamp: return value
        case .int(let seconds): return try .time(Timestamp(seconds: seconds))
        case .string(let text):
            guard let time = Timestamp(rfc3339: text) else {
                throw CELError("\(value.summary) is no time such as \"2026-11-21T06:15:00Z\"")
            }
            return try .time(time)
        default: throw Value.noOverload("timestamp", value)
        }
    }

    static func duration(_ value: Value) throws(CELError) -> Value {
        switch value {
        case .duration: return value
        case .string(let text):
            guard let duration = Duration(goText: text) else {
                throw CELError("\(value.summary) is no duration such as \"1h30m\" or \"1.5s\"")
            }
            return try .length(duration)
        default: throw Value.noOverload("duration", value)
        }
    }

    @Sendable static func size(_ value: Value, _ budget: inout Budget) throws(CELError) -> Value {
        switch value {
        case .string(let text):
            try budget.charge(bytes: text.utf8.count)
            return .int(Int64(text.unicodeScalars.count))
        case .bytes(let bytes): return .int(Int64(bytes.count))
        case .list(let list): return .int(Int64(list.count))
        case .map(let map): return .int(Int64(map.count))
        default: throw Value.noOverload("size", value)
        }
    }

    private static func outOfRange(_ value: Value, _ type: String) -> CELError {
        CELError("\(value.summary) is out of the range of \(type)")
    }
}
