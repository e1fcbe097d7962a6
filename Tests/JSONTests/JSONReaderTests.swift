import Testing

@testable import JSON

private enum Colour: String, CaseIterable, SchemaRepresentable {
    case red = "Red"
    case green = "Green"
}

private struct Leaf: Described, Hashable {
    var text = "default"
    var count: Int?
    var ratio: Double?
    var colour = Colour.red
    var time: Timestamp?

    static let about = "A leaf."
    static let fields: [Field<Leaf>] = [
        Field("text", \.text, "Text."), Field("count", \.count, "Integer."), Field("ratio", \.ratio, "Number."),
        Field("colour", \.colour, "Word."), Field("aLongNameOfMoreThan16Bytes", \.time, "Time."),
    ]
}

/// Read by hand, with a part that may be malformed.
private struct Branch: SchemaRepresentable, Hashable {
    var leaf: Leaf?
    var tolerant: Leaf?
    static let schema = JSONSchema.anyObject

    init(json: JSONValue) throws(JSONDecodingError) {
        guard case .object = json else { throw .expected("object", found: json) }
        do { leaf = try Leaf?(json: json["text"] ?? .null) } catch { throw error.inside("text") }
        tolerant = json["leaf"].flatMap { try? Leaf(json: $0) }
    }

    init(reading reader: inout JSONReader) throws(JSONDecodingError) {
        try reader.readObject { name, reader throws(JSONDecodingError) in
            switch name {
            case "text": leaf = try Leaf?(reading: &reader)
            case "leaf": tolerant = try reader.readIfValid(Leaf.self)
            default: break
            }
        }
    }

    func json() -> JSONValue { .null }
}

private struct Tree: Described, Hashable {
    var text: String?
    var on = false
    var leaf = Leaf()
    var leaves: [Leaf] = []
    var map: [String: Leaf]?
    var accent: String?
    var nested: [[Int]]?
    var any: JSONValue?
    var branch: Branch?

    static let about = "A tree."
    static let fields: [Field<Tree>] = [
        Field("text", \.text, "Text."), Field("on", \.on, "Switch."), Field("leaf", \.leaf, "One."),
        Field("leaves", \.leaves, "Several."), Field("nested", \.nested, "Lists."),
        Field("any", \.any, "Anything."), Field("branch", \.branch, "By hand."),
        Field("\u{E9}", \.accent, "Not ASCII."), Field("map", \.map, "By name."),
    ]
}

private struct Node: Described {
    var children: [Node] = []

    static let about = "A node."
    static var schema: JSONSchema { .anyObject }
    static let fields: [Field<Node>] = [Field("children", \.children, "More of them.")]
}

/// Always the same sequence for the same seed (Knuth's MMIX constants).
private struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state ^ (state >> 29)) &* 0xBF58_476D_1CE4_E5B9
    }
    mutating func pick<T>(_ choices: [T]) -> T { choices[Int.random(in: 0..<choices.count, using: &self)] }
    mutating func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &self) == 0 }

    var names = [
        "text", "count", "ratio", "colour", "aLongNameOfMoreThan16Bytes", "aLongNameOfMoreThan17Bytes", "on", "leaf",
        "leaves", "nested", "any", "branch", "unknown", "te\\u0078t", "tex", "\u{E9}", "e\u{301}", "", "x\u{FFFD}",
        "map",
    ]

    /// A document that mostly, not always, is what a `Tree` expects.
    mutating func document(_ expected: String, _ depth: Int) -> String {
        if chance(40) {
            return pick(["null", "1.0", "1e3", "-7", "\"Red\"", "[]", "{}", "true", "9e18", "1e19", "nul"])
        }
        let blank = chance(4) ? pick([" ", "\n", "\t\r "]) : ""
        let inner = depth - 1
        switch expected {
        case "text", "\u{E9}", "te\\u0078t":
            return blank
                + pick([
                    #""""#, #""plain""#, #""a rather long text of more than 15 bytes""#, #""\n\u00e9\ud83d\ude00""#,
                ])
        case "count": return blank + pick(["0", "-12", "3.0", "9223372036854775807"])
        case "ratio": return blank + pick(["0.5", "-1e-3", "7", "1E+2"])
        case "colour": return pick(["\"Red\"", "\"Green\"", "\"Blue\"", "\"\\u0052ed\""])
        case "aLongNameOfMoreThan16Bytes":
            return pick(["\"2026-11-21T06:15:00Z\"", "\"2026-11-21T06:15:00.5+01:00\"", "\"soon\""])
        case "on": return pick(["true", "false"])
        case "leaves" where depth > 0:
            return "["
                + (0..<Int.random(in: 0...3, using: &self)).map { _ in document("leaf", inner) }
                .joined(separator: "," + blank) + "]"
        case "map":
            return pick([#"{"a":{"text":"x"},"b":{},"a":{}}"#, #"{"a":{"count":"x"},"b":{}}"#, #"{"a":1,"a":{}}"#])
        case "nested": return pick(["[]", "[[1,2],[]]", "[[1,\"x\"]]", "[[ 1 , 2 ] , [ 3 ] ]"])
        case _ where depth <= 0: return "{}"
        default:
            let members = (0..<Int.random(in: 0...6, using: &self)).map { _ in
                let name = pick(names)
                return "\(blank)\"\(name)\"\(blank):\(blank)\(document(name, inner))"
            }
            return "{" + members.joined(separator: ",") + blank + "}"
        }
    }

    mutating func bytes() -> [UInt8] {
        var bytes = Array(document("root", 5).utf8)
        if chance(3), !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &self)
            switch Int.random(in: 0..<3, using: &self) {
            case 0: bytes.remove(at: at)
            case 1: bytes[at] = pick(Array("\"\\{}[]:,0e-.tn \u{1}".utf8) + [0xFF, 0xC3])
            default: bytes.removeSubrange(at...)
            }
        }
        return bytes
    }
}

private enum Outcome<Value: Equatable & Sendable>: Equatable {
    case value(Value)
    case syntax(JSONSyntaxError)
    case decoding(JSONDecodingError)

    init(_ body: () throws -> Value) {
        do { self = .value(try body()) } catch let error as JSONSyntaxError { self = .syntax(error) } catch {
            self = .decoding(error as? JSONDecodingError ?? JSONDecodingError("\(error)"))
        }
    }
}

@Suite(.timeLimit(.minutes(4))) struct JSONReaderTests {
    @Test(arguments: 0..<8)
    func `reading from bytes gives what reading a value of the document gives`(seed: Int) {
        var dice = Dice(state: UInt64(seed))
        var read = 0
        for _ in 0..<500 {
            let bytes = dice.bytes()
            let skipping = dice.chance(2) ? [] : dice.pick([["leaf", "text"], ["any", "leaf"], ["leaves", "count"]])
            let direct = Outcome { try Tree(parsing: bytes, skipping: skipping) }
            let throughValue = Outcome { try Tree(json: JSONValue(parsing: bytes, skipping: skipping)) }
            #expect(direct == throughValue, "\(String(decoding: bytes, as: UTF8.self)) without \(skipping)")
            if case .value = direct { read += 1 }
        }
        #expect(read > 100, "too few documents are valid")
    }

    @Test(arguments: 0..<4)
    func `a value is skipped exactly when it can be read, to the same place`(seed: Int) {
        var dice = Dice(state: UInt64(seed) &+ 77)
        for _ in 0..<1000 {
            let bytes = dice.bytes()
            bytes.withUnsafeBytes {
                var skipping = JSONReader($0)
                var building = JSONReader($0)
                let skipped = Outcome<Bool> {
                    try skipping.skipValue()
                    return true
                }
                let built = Outcome<Bool> {
                    _ = try building.readValue()
                    return true
                }
                #expect(skipped == built, "\(String(decoding: bytes, as: UTF8.self))")
                #expect(skipping.position == building.position, "\(String(decoding: bytes, as: UTF8.self))")
            }
        }
    }

    @Test(
        arguments: [
            (#"{"text":"a","text":null}"#, "default", "null takes back what an earlier member of the name gave"),
            (#"{"text":1,"text":"a"}"#, "a", "an earlier member of the same name may be malformed"),
            (#"{"te\u0078t":"a"}"#, "a", "an escaped name"), (#"{"unknown":{"text":"b"}}"#, "default", "unknown"),
        ]
    )
    func `of members with the same name the last one counts`(text: String, value: String, why: Comment) throws {
        #expect(try Leaf(parsing: Array(text.utf8)).text == value, why)
    }

    @Test(arguments: [
        (#"{"leaves":[{},{"count":"x"}]}"#, "leaves[1].count: expected an integer, found a string"),
        (#"{"leaf":{"colour":"Blue"}}"#, #"leaf.colour: unknown value "Blue""#),
        (#"{"nested":[[1],[2,1.5]]}"#, "nested[1][1]: expected an integer, found a number"),
        (#"{"branch":{"text":{"count":[]}}}"#, "branch.text.count: expected an integer, found an array"),
        ("[]", "expected an object, found an array"),
    ])
    func `a fault names its path`(text: String, message: String) {
        let error = #expect(throws: JSONDecodingError.self) { try Tree(parsing: Array(text.utf8)) }
        #expect(error?.description == message)
        text.utf8.withContiguousStorageIfAvailable { bytes in
            var reader = JSONReader(UnsafeRawBufferPointer(bytes))
            let direct = #expect(throws: JSONDecodingError.self) { try Tree(reading: &reader) }
            #expect(direct?.description == message)
        }
    }

    @Test func `a syntax error is told from a fault, even when the fault comes first`() {
        let error = #expect(throws: JSONSyntaxError.self) { try Leaf(parsing: Array(#"{"text":1,"count":}"#.utf8)) }
        #expect(error?.description == "line 1, column 19: expected a value")
    }

    @Test func `nesting beyond the limit is refused in what is skipped, up to it is read`() throws {
        let limit = JSONValue.maximumDepth - 1
        let deep = String(repeating: "[", count: limit) + String(repeating: "]", count: limit)
        _ = try Leaf(parsing: Array("{\"x\":\(deep)}".utf8))
        #expect(throws: JSONSyntaxError.self) { try Leaf(parsing: Array("{\"x\":[\(deep)]}".utf8)) }
    }

    @Test func `a type that holds itself is read down to the limit`() throws {
        func document(_ levels: Int) -> [UInt8] {
            Array((String(repeating: #"{"children":["#, count: levels) + String(repeating: "]}", count: levels)).utf8)
        }
        let root = try Node(parsing: document(JSONValue.maximumDepth / 2))
        #expect(root.children[0].children[0].children.count == 1)
        #expect(throws: JSONSyntaxError.self) { try Node(parsing: document(JSONValue.maximumDepth / 2 + 1)) }
    }

    @Test func `what a hand-written reader leaves alone is skipped`() throws {
        let text = #"{"leaf":[1],"other":{"leaf":{"text":"no"}},"text":{"text":"yes"},"leaf":{"count":2}}"#
        let branch = try Branch(parsing: Array(text.utf8).span)
        #expect(branch.leaf?.text == "yes")
        #expect(branch.tolerant?.count == 2)
    }
}
