import JSON
import Testing

private struct Database: JSONConvertible, Codable, Hashable {
    enum Engine: String, Codable {
        case postgres
    }
    struct Size: Codable, Hashable {
        var cores: UInt8
        var memory: Double
    }
    var engine: Engine
    var size: Size
    var replicas: [Size]?
    var labels: [String: String] = [:]
    var extra: JSONValue?
}

@Suite struct JSONCodableTests {
    private let json: JSONValue = [
        "engine": "postgres", "size": ["cores": 4, "memory": 1.5], "replicas": [["cores": 1, "memory": 2]],
        "labels": ["a": "b"], "extra": ["x": [1, .null, "y"]],
    ]

    @Test func `a Codable type is read and written through its conformance`() throws {
        let database = try Database(json: json)
        #expect(database.size == Database.Size(cores: 4, memory: 1.5))
        #expect(database.extra == ["x": [1, .null, "y"]])
        #expect(try Database(json: database.json()) == database)
    }

    @Test(
        arguments: [
            ("size", ["cores": 400, "memory": 1], "size.cores: 400 does not fit in UInt8"),
            ("size", ["memory": 1], "size: the field \"cores\" is missing"),
            ("replicas", [["cores": 1, "memory": "big"]], "replicas[0].memory: expected a number, found a string"),
        ] as [(String, JSONValue, String)]
    )
    func `a fault names its path`(key: String, value: JSONValue, message: String) {
        var json = json
        json[key] = value
        let error = #expect(throws: JSONDecodingError.self) { try Database(json: json) }
        #expect(error?.description == message)
    }
}
