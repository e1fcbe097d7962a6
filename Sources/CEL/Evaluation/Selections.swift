/// `operand.field` of anything but a plain variable.
final class Selection: Code {
    let operand: any Code
    let field: String
    let span: Span

    init(_ operand: any Code, _ field: String, _ span: Span) {
        self.operand = operand
        self.field = field
        self.span = span
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        let value = try operand.evaluate(&frame)
        do throws(CELError) {
            if let member = try value.selecting(field) { return member }
            // The text names the path as the author wrote it.
            throw CELError("no such key: \(frame.source.text(span))")
        } catch {
            throw error.located(span, in: frame.source)
        }
    }
}

/// `has(operand.field)`
final class Presence: Code {
    let operand: any Code
    let field: String
    let span: Span

    init(_ operand: any Code, _ field: String, _ span: Span) {
        self.operand = operand
        self.field = field
        self.span = span
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        let value = try operand.evaluate(&frame)
        do throws(CELError) {
            let member = try value.selecting(field)
            // Of an optional an optional is selected; of a map, an optional is a member like any other.
            if case .optional = value, case .optional(nil)? = member { return .bool(false) }
            return .bool(member != nil)
        } catch {
            throw error.located(span, in: frame.source)
        }
    }
}

/// `operand.?field`
final class OptionalSelection: Code {
    let operand: any Code
    let field: String
    let span: Span

    init(_ operand: any Code, _ field: String, _ span: Span) {
        self.operand = operand
        self.field = field
        self.span = span
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        let value = try operand.evaluate(&frame)
        do throws(CELError) {
            if case .optional = value { return try value.selecting(field) ?? .optional(nil) }
            return .optional(try value.selecting(field))
        } catch {
            throw error.located(span, in: frame.source)
        }
    }
}

/// `operand[index]` and `operand[?index]`
final class Index: Code {
    let operand: any Code
    let index: any Code
    let isOptional: Bool
    let span: Span

    init(_ operand: any Code, _ index: any Code, isOptional: Bool, _ span: Span) {
        self.operand = operand
        self.index = index
        self.isOptional = isOptional
        self.span = span
    }

    func evaluate(_ frame: inout Frame) throws(CELError) -> Value {
        let value = try operand.evaluate(&frame)
        let index = try index.evaluate(&frame)
        do throws(CELError) {
            try frame.budget.charge(reading: index)
            return isOptional ? .optional(try value.indexedIfPresent(by: index)) : try value.indexed(by: index)
        } catch {
            throw error.located(span, in: frame.source)
        }
    }
}
