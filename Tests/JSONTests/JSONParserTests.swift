import JSON
import Testing

@Suite struct JSONParserTests {
    @Test(
        arguments: [
            ("null", JSONValue.null), ("true", true), (" false ", false), ("0", 0), ("-0", 0), ("12", 12),
            ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
            ("9223372036854775808", .double(9_223_372_036_854_775_808)), ("1.5", 1.5), ("-2e3", -2000.0),
            ("1E-2", 0.01),
            (#""""#, ""), (#""a\"b\\c\/d\b\f\n\r\t""#, "a\"b\\c/d\u{8}\u{C}\n\r\t"), (#""\u00e9\ud83d\ude00""#, "é😀"),
            (#""\ud83d!""#, "\u{FFFD}!"), ("[]", []), ("[1,[2]]", [1, [2]]), ("{}", [:]),
            (#"{"a":1,"b":{"c":null}}"#, ["a": 1, "b": ["c": .null]]), (#"{"a":1,"a":2}"#, ["a": 2]),
        ] as [(String, JSONValue)]
    )
    func `a valid document becomes its value`(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
    }

    @Test(arguments: [
        ("", 1, 1), ("{", 1, 2), ("[1,]", 1, 4), ("01", 1, 1), ("1.", 1, 3), ("nul", 1, 1), ("\"a", 1, 3),
        ("{\"a\" 1}", 1, 6), ("[1]\n x", 2, 2), ("\"\\x\"", 1, 3), ("\"a\nb\"", 1, 3), ("1e999", 1, 6), ("-", 1, 2),
    ])
    func `a malformed document is refused at line and column`(text: String, line: Int, column: Int) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: text) }
        #expect(error?.line == line)
        #expect(error?.column == column)
    }

    @Test func `a document cut anywhere is refused and never crashes`() {
        let text = Array(#"{"a":[1,-2.5e3,"x\u00e9\n",true,null,{"b":[]}]}"#.utf8)
        for end in 0..<text.count {
            #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: text[..<end]) }
        }
    }

    @Test func `nesting beyond the limit is refused, up to it is read`() throws {
        let limit = JSONValue.maximumDepth
        let deep = String(repeating: "[", count: limit) + String(repeating: "]", count: limit)
        _ = try JSONValue(parsing: deep)
        let error = #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: "[" + deep + "]") }
        #expect(error?.message.contains("512") == true)
    }

    @Test func `what lies on the skipped path is left out, the same name elsewhere is kept`() throws {
        let text =
            #"{"items":[{"metadata":{"managedFields":[{"f":1}],"name":"a"},"managedFields":1}],"managedFields":2}"#
        let value = try JSONValue(parsing: Array(text.utf8), skipping: ["items", "metadata", "managedFields"])
        #expect(value == ["items": [["metadata": ["name": "a"], "managedFields": 1]], "managedFields": 2])
    }

    @Test func `writing and parsing again gives the same value`() throws {
        let value: JSONValue = [
            "z": [1, -1, 1.25, true, .null, "quote \" backslash \\ tab \t bell \u{7} é 😀"], "a": ["": [:]], "m": [],
        ]
        #expect(try JSONValue(parsing: value.serialized()) == value)
        #expect(try JSONValue(parsing: value.serialized(pretty: true)) == value)
    }

    @Test func `equal values have equal bytes, whatever the order of their members`() {
        let one: JSONValue = ["b": 1, "a": [1, 2]]
        let other: JSONValue = ["a": [1, 2], "b": 1]
        #expect(one.serialized() == other.serialized())
        #expect(one.description == #"{"a":[1,2],"b":1}"#)
    }

    @Test func `a merge patch follows RFC 7396`() {
        let target: JSONValue = ["a": "b", "c": ["d": "e", "f": "g"], "l": [1, 2]]
        let patch: JSONValue = ["a": "z", "c": ["f": .null], "l": [3], "n": ["x": .null, "y": 1]]
        #expect(target.merging(patch) == ["a": "z", "c": ["d": "e"], "l": [3], "n": ["y": 1]])
    }
}
