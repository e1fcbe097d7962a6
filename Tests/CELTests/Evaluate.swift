import CEL
import JSON
import Testing

/// The value of an expression.
func value(of text: String, _ bindings: Bindings = Bindings()) throws(CELError) -> Value {
    try Program(compiling: text).evaluate(bindings)
}

/// What goes wrong with an expression, at compiling or evaluating it.
func failure(of text: String, _ bindings: Bindings = Bindings()) -> CELError? {
    do throws(CELError) {
        let value = try value(of: text, bindings)
        Issue.record("\(text) should fail, but is \(value)")
        return nil
    } catch {
        return error
    }
}

/// Expects that two expressions have the same value, of the same type.
func expectSame(_ pairs: [(String, String)], sourceLocation: SourceLocation = #_sourceLocation) {
    for (text, expected) in pairs {
        do throws(CELError) {
            let found = try value(of: text)
            let wanted = try value(of: expected)
            #expect(found == wanted, "\(text)", sourceLocation: sourceLocation)
        } catch {
            Issue.record("\(text): \(error)", sourceLocation: sourceLocation)
        }
    }
}

/// Expects that expressions are true.
func expectTrue(_ texts: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    expectSame(texts.map { ($0, "true") }, sourceLocation: sourceLocation)
}

/// Expects that expressions cannot be compiled or evaluated.
func expectFailures(_ texts: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    for text in texts {
        if let value = try? value(of: text) {
            Issue.record("\(text) should fail, but is \(value)", sourceLocation: sourceLocation)
        }
    }
}
