import JSON
import Testing

/// Everything a list reader gives for a document in pieces.
private struct Reading: Equatable {
    var elements: [String] = []
    var rest: JSONValue?
    var error: String?

    init(_ pieces: some Sequence<ArraySlice<UInt8>>, limit: Int = 1000) {
        var list = JSONListReader(limit: limit)
        do {
            for piece in pieces {
                try list.read(Array(piece).span) { span in
                    elements.append(span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) })
                }
            }
            rest = try list.finish()
        } catch { self.error = "\(error)" }
    }
}

@Suite(.timeLimit(.minutes(4))) struct JSONListReaderTests {
    @Test(
        arguments: [
            (
                #" {"kind":"PodList","items":[{"a":[1,{"b":"}]\""}]} , {"é":"\\"},{}],"metadata":{"items":[1]}} "#,
                [#"{"a":[1,{"b":"}]\""}]}"#, #"{"é":"\\"}"#, "{}"], ["kind": "PodList", "metadata": ["items": [1]]]
            ),
            (
                #"{"it\u0065ms":[1, "a]\\" ,null,-1.5e3,[[]]],"x":"items"}"#,
                ["1", #""a]\\""#, "null", "-1.5e3", "[[]]"], ["x": "items"]
            ),
            (#"{"a":["items",{"items":[1]}],"items":[ ],"b":"[😀"}"#, [], ["a": ["items", ["items": [1]]], "b": "[😀"]),
            (#"{"items":null,"kind":"List"}"#, [], ["kind": "List"]), (#"{"kind":"items"}"#, [], ["kind": "items"]),
            (#"{"x":"items","y":[1]}"#, [], ["x": "items", "y": [1]]),
        ] as [(String, [String], JSONValue)]
    )
    func `elements and the rest are found, wherever the pieces are cut`(
        text: String,
        elements: [String],
        rest: JSONValue
    ) {
        let bytes = Array(text.utf8)
        let whole = Reading([bytes[...]])
        #expect(whole.elements == elements)
        #expect(whole.rest == rest)
        for cut in bytes.indices { #expect(Reading([bytes[..<cut], bytes[cut...]]) == whole) }
        #expect(Reading(bytes.indices.map { bytes[$0...$0] }) == whole)
    }

    @Test func `a document cut off anywhere is refused`() {
        let bytes = Array(#"{"kind":"L","items":[{"a":"b"},[1],"x",2],"metadata":{"a":[1]}}"#.utf8)
        for end in bytes.indices { #expect(Reading([bytes[..<end]]).error != nil) }
        #expect(Reading([bytes[...]]).error == nil)
        #expect(Reading([bytes[..<35]]).error == "items[2]: the document ends here")
    }

    @Test(arguments: [
        (#"{"items":[1,]}"#, "items[1]: expected a value"), (#"{"items":[,1]}"#, "items[0]: expected a value"),
        (#"{"items":[1 2]}"#, "items[0]: expected ',' or ']' behind it"),
        (#"{"items":[1}}"#, "items[0]: expected ',' or ']' behind it"),
        (#"{"items":[1],"items":[2]}"#, "items: the member is there twice"),
        (#"{"items":[1],"items":null}"#, "items: the member is there twice"),
        (#"{"items":{}}"#, "items: expected an array, found an object"), ("[1]", "expected an object, found an array"),
        (
            #"{"items":[1]} x"#,
            "the document without the elements of items is not JSON: line 1, column 14: "
                + "there is more text after the end of the document"
        ),
        (
            #"{"items" [1]}"#,
            "the document without the elements of items is not JSON: line 1, column 10: "
                + "expected ':' after the member name"
        ),
    ])
    func `a malformed list is refused with a reason`(text: String, message: String) {
        let bytes = Array(text.utf8)
        #expect(Reading([bytes[...]]).error == message)
        #expect(Reading(bytes.indices.map { bytes[$0...$0] }).error == message)
    }

    @Test func `an element or a rest beyond the limit is refused before it is held`() {
        let large = Array(("{\"items\":[1,[" + String(repeating: "1,", count: 100)).utf8)
        #expect(Reading([large[...]], limit: 100).error == "items[1]: larger than 100 bytes")
        #expect(Reading(large.indices.map { large[$0...$0] }, limit: 100).error == "items[1]: larger than 100 bytes")
        let rest = Array(("{\"other\":[" + String(repeating: "1,", count: 100)).utf8)
        #expect(Reading([rest[...]], limit: 100).error?.hasSuffix("is larger than 100 bytes") == true)
    }

    @Test func `what the body throws comes through, and count tells which element it was`() {
        var list = JSONListReader()
        let error = #expect(throws: JSONDecodingError.self) {
            try list.read(Array(#"{"items":[1,2,"x",3]}"#.utf8).span) { _ = try Int(parsing: $0) }
        }
        #expect(error?.description == "expected an integer, found a string")
        #expect(list.count == 2)
    }
}
