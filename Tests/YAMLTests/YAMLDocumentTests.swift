import JSON
import Testing
import YAML

@Suite struct YAMLDocumentTests {
    @Test func `a manifest becomes the JSON that kubectl would send`() throws {
        let text = """
            # a comment
            kind: HonuaProcess
            metadata: {name: test, labels: {"a": '1', b: yes}}
            spec:
              steps:
              - name: one
                with: {count: 3, ratio: 0.5, on: ~, text: "true", octal: 0644, hex: 0x1F, big: 12345678901234567890}
              note: |
                two
                lines

            """
        let document = try #require(try YAMLDocument.parse(text).first)
        #expect(document.value["metadata"] == ["name": "test", "labels": ["a": "1", "b": true]])
        #expect(
            document.value[path: "spec", "steps"]?[0]?["with"] == [
                "count": 3, "ratio": 0.5, "on": .null, "text": "true", "octal": 420, "hex": 31,
                "big": .double(12_345_678_901_234_567_890),
            ]
        )
        #expect(document.value[path: "spec", "note"] == "two\nlines\n")
        #expect(document.line(of: "spec.steps[0].name") == 6)
        #expect(document.line(of: "spec.steps[0].missing") == 6)
    }

    @Test func `anchors, aliases and merge keys are expanded`() throws {
        let text = "base: &b {a: 1, b: 2}\nitem: {<<: *b, b: 3}\nsame: *b"
        let value = try #require(try YAMLDocument.parse(text).first?.value)
        #expect(value["item"] == ["a": 1, "b": 3])
        #expect(value["same"] == ["a": 1, "b": 2])
    }

    @Test func `several documents are read in order, empty ones left out`() throws {
        #expect(try YAMLDocument.parse("---\na: 1\n---\n# nothing\n---\nb: 2\n").map(\.value) == [["a": 1], ["b": 2]])
    }

    @Test(arguments: [
        ("a: [1, 2\n", 2), ("a: 1\n b: 2", 2), ("a: 1\na: 2", 2), ("\tx: 1", 1), ("a: *nope", 1), ("? [x]\n: 1", 1),
    ])
    func `malformed text is refused with its line`(text: String, line: Int) {
        let error = #expect(throws: YAMLError.self) { try YAMLDocument.parse(text) }
        #expect(error?.line == line)
    }

    @Test func `aliases cannot blow a small text up`() {
        var text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for level in 1...8 {
            text +=
                "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",") + "]\n"
        }
        let error = #expect(throws: YAMLError.self) { try YAMLDocument.parse(text) }
        #expect(error?.message.contains("too many values") == true)
    }

    @Test func `what is written is read back the same`() throws {
        let value: JSONValue = [
            "plain": "text", "number-like": "12", "bool-like": "yes", "empty": "", "null-like": "~", "lines": "a\nb\n",
            "colon": "a: b", "list": [1, 2.5, true, .null, [], [:], ["x": ["y"]]], "%": "@at", "unicode": "é 😀",
        ]
        #expect(try YAMLDocument.parse(YAMLDocument.emit(value)).map(\.value) == [value])
    }
}
