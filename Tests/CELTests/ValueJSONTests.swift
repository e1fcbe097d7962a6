import CEL
import JSON
import Testing

@Suite struct ValueJSONTests {
    @Test func `values are written as JSON`() throws {
        #expect(
            try value(
                of: """
                    {'n': null, 'b': true, 'i': 1, 'u': 2u, 'd': 1.5, 's': 'x', 'bytes': b'hi', 'l': [1], 'o': optional.of(3),
                     't': timestamp('2024-01-02T03:04:05.5+01:00'), 'dur': duration('90.5s'), 'q': quantity('1Gi')}
                    """
            ).json() == [
                "n": .null, "b": true, "i": 1, "u": 2, "d": 1.5, "s": "x", "bytes": "aGk=", "l": [1], "o": 3,
                "t": "2024-01-02T02:04:05.5Z", "dur": "90.5s", "q": "1Gi",
            ]
        )
        #expect(try value(of: "{1: 'a', true: 'b', 2u: 'c'}").json() == ["1": "a", "true": "b", "2": "c"])
    }

    @Test(arguments: [
        "int", "0.0 / 0.0", "[1.0 / 0.0]", "optional.none()", "18446744073709551615u", "{'a': type(1)}",
        "format.uuid()",
    ])
    func `what has no JSON form is an error`(text: String) throws {
        let result = try value(of: text)
        let error = #expect(throws: CELError.self) { try result.json() }
        #expect(error?.message.hasPrefix("the value has no JSON form") == true)
    }

    private static let typed: [(String, JSONValue)] = [
        ("null", ["null": .null]), ("true", ["bool": true]), ("-1", ["int64": "-1"]), ("1u", ["uint64": "1"]),
        ("1.5", ["double": 1.5]), ("0.0 / 0.0", ["double": "NaN"]), ("1.0 / 0.0", ["double": "Infinity"]),
        ("-1.0 / 0.0", ["double": "-Infinity"]), ("'x'", ["string": "x"]), ("b'hi'", ["bytes": "aGk="]),
        ("[1, 'a']", ["list": [["int64": "1"], ["string": "a"]]]),
        ("{1: 2u}", ["map": [["key": ["int64": "1"], "value": ["uint64": "2"]]]]),
        ("timestamp(0)", ["timestamp": "1970-01-01T00:00:00Z"]), ("duration('1.5s')", ["duration": "1.5s"]),
        ("type(1)", ["type": "int"]), ("type(duration('1s'))", ["type": "google.protobuf.Duration"]),
        ("optional.of(1)", ["optional": ["int64": "1"]]), ("optional.none()", ["optional": .null]),
    ]

    @Test(arguments: typed.indices) func `typed JSON keeps the type of a value, both ways`(index: Int) throws {
        let (text, json) = Self.typed[index]
        let result = try value(of: text)
        #expect(try result.typedJSON() == json)
        #expect(try Value(typed: json) == result)
    }

    @Test func `typed JSON takes numbers as well as texts`() throws {
        #expect(try Value(typed: ["int64": 5]) == .int(5))
        #expect(try Value(typed: ["uint64": 5]) == .uint(5))
        #expect(try Value(typed: ["double": 2]) == .double(2))
    }

    @Test(
        arguments: [
            1, [:], ["int64": "x"], ["int64": "1", "uint64": "1"], ["uint64": -1], ["nosuch": 1], ["list": 1],
            ["bytes": "?"],
            ["map": [["key": ["double": 1], "value": ["null": .null]]]], ["map": [["key": ["int64": "1"]]]],
            ["timestamp": "x"],
        ] as [JSONValue]
    )
    func `what is no typed value is an error`(json: JSONValue) {
        #expect(throws: CELError.self) { try Value(typed: json) }
    }

    @Test func `bindings are read from typed JSON`() throws {
        let bindings = try Bindings(typed: ["x": ["uint64": "3"], "a.b": ["string": "q"]])
        #expect(try value(of: "x == 3u && a.b == 'q'", bindings) == .bool(true))
        let error = #expect(throws: CELError.self) { try Bindings(typed: ["x": ["int64": "no"]]) }
        #expect(error?.message == "the value of \"x\": a typed value cannot be {\"int64\": string}")
    }

    @Test func `strict and lenient equality`() {
        #expect(Value.int(1) != Value.uint(1))
        #expect(Value.int(1).equals(.uint(1)))
        #expect(Value.double(.nan) == Value.double(.nan))
        #expect(!Value.double(.nan).equals(.double(.nan)))
        #expect(Value(["a": [1]]) == Value.map(["a": .list([.int(1)])]))
    }
}
