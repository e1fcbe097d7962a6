import JSON
import Testing

@testable import Actions

struct RedactionTests {
    private func redaction(_ secrets: String...) -> Redaction {
        var redaction = Redaction()
        for secret in secrets { redaction.add(secret) }
        return redaction
    }

    @Test(arguments: [
        ("the password is tops3cret.", "the password is ***."), ("tops3crettops3cret", "******"),
        ("tops3cre", "tops3cre"), ("dG9wczNjcmV0", "***"), ("tops3cret\u{301}", "***\u{301}"), ("", ""),
    ])
    func `a secret is taken out wherever it stands, in Base64 too`(text: String, expected: String) {
        #expect(redaction("tops3cret").apply(text) == expected)
    }

    @Test func `of two secrets that begin alike no rest is left`() {
        #expect(redaction("abc", "abcdef").apply("abcdef abc") == "*** ***")
        #expect(redaction("abcdef", "abc").apply("abcdef abc") == "*** ***")
    }

    @Test func `blanks around a secret, its JSON form and its lines count`() {
        #expect(redaction("tops3cret\n").apply("tops3cret") == "***")
        #expect(redaction("a\"quoted\"\\one").apply(#"{"x": "a\"quoted\"\\one"}"#) == #"{"x": "***"}"#)
        let key = "-----BEGIN KEY-----\nMIIBVgIBADANBg\nshort\n-----END KEY-----\n"
        #expect(redaction(key).apply("got MIIBVgIBADANBg\r\n") == "got ***\r\n")
        #expect(redaction(key).apply("short") == "short")
    }

    @Test func `a text that was cut does not end with the beginning of a secret`() {
        #expect(redaction("tops3cret").apply("here: tops3", isTruncated: true) == "here: ***")
        #expect(redaction("tops3cret").apply("here: tops3") == "here: tops3")
        #expect(redaction("tops3cret").apply("here: tops4", isTruncated: true) == "here: tops4")
    }

    @Test func `names of members, and numbers that read like a secret, are taken out too`() {
        let value: JSONValue = ["4711": [4711, 47110, "pin 4711", true], "other": ["n": 4711.5]]
        #expect(redaction("4711").apply(value) == ["***": ["***", 47110, "pin ***", true], "other": ["n": 4711.5]])
    }

    @Test func `nothing happens without secrets, and an empty one is none`() {
        #expect(redaction().apply("as it is") == "as it is")
        #expect(redaction("").apply("as it is") == "as it is")
    }
}
