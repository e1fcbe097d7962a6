import CEL
import Testing

/// The language itself, after google/cel-spec, doc/langdef.md.
@Suite struct LanguageTests {
    @Test func `literals`() {
        expectSame([
            ("0xFF", "255"), ("-0x10", "-16"), ("12u", "uint(12)"), ("0xFu", "uint(15)"), (".5", "0.5"),
            ("1e3", "1000.0"), ("-2.5E-1", "-0.25"), ("-9223372036854775808", "-9223372036854775807 - 1"),
            ("'a\\n\\x41\\u00e9\\U0001F600\\101'", "\"a\\nA\u{E9}\u{1F600}A\""), (#"r'\n'"#, #"'\\n'"#),
            ("'''a'b\n'''", "'a\\'b\\n'"), (#"b'\xff\377a'"#, "b'\\377' + b'\\xff' + b'a'"),
            ("b'\u{E9}'", #"b'\xc3\xa9'"#), (#"'\?\`'"#, "'?`'"), ("'\\ud83d\\ude00'", "'\u{1F600}'"),
            ("[1, 2,]", "[1, 2]"), ("{'a': 1,}", "{'a': 1}"), ("1 // one\n + 2", "3"),
        ])
        expectFailures([
            "1u2", "0x", "'a\nb'", "1e999", "'\\u12'", "'\\ud800'", "b'\\777'", "18446744073709551616u", "1.",
        ])
    }

    @Test func `operators bind as tightly as they should and group to the left`() {
        expectSame([
            ("2 + 3 * 4 - 1", "13"), ("10 - 4 - 3", "3"), ("100 / 10 / 2", "5"), ("7 % 4 * 2", "6"),
            ("-2 * 3", "-6"), ("!true || true", "true"), ("1 < 2 == true", "true"), ("true || false && false", "true"),
            ("false ? 1 : true ? 2 : 3", "2"), ("(1 + 2) * 3", "9"), ("--1", "1"), ("!!true", "true"),
            ("1 in [1] && 2 + 3 == 5", "true"),
        ])
    }

    @Test func `integers overflow into errors`() {
        expectFailures([
            "9223372036854775807 + 1", "-9223372036854775808 - 1", "9223372036854775807 * 2", "-(-9223372036854775808)",
            "-9223372036854775808 / -1", "-9223372036854775808 % -1", "1u - 2u", "18446744073709551615u + 1u",
            "18446744073709551615u * 2u", "1 / 0", "1 % 0", "1u / 0u", "1u % 0u", "-1u",
        ])
        expectSame([("-7 / 2", "-3"), ("-7 % 2", "-1"), ("7u / 2u", "3u"), ("1.0 / 0.0", "double('Infinity')")])
    }

    @Test func `arithmetic does not mix types`() {
        expectFailures([
            "1 + 1u", "1 + 1.0", "1u * 1.0", "'a' + 1", "1.0 % 2.0", "[1] - [1]", "true + true", "null + null",
        ])
    }

    @Test func `equality looks at numbers across types and at everything else by type`() {
        expectTrue([
            "1 == 1u", "1 == 1.0", "1u == 1.0", "[1, 2u] == [1.0, 2]", "{'a': 1} == {'a': 1.0}",
            "{1: 'a'} == {1u: 'a'}",
            "1 != '1'", "null == null", "null != 0", "[] != {}", "'a' != b'a'", "type(1) == int",
            "double('NaN') != double('NaN')", "[double('NaN')] != [double('NaN')]", "0.0 == -0.0",
            "{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "{'a': 1} != {'b': 1}", "'\\u00e9' != 'e\\u0301'",
        ])
    }

    @Test func `ordering`() {
        expectTrue([
            "1 < 2", "2u >= 2u", "1.5 > 1.0", "'a' < 'b'", "'a' < 'aa'", "'Z' < 'a'", "b'a' < b'b'", "false < true",
            "1 < 1.5", "1u < 2", "-1 < 0u", "-1.5 < 0u",
            "18446744073709551615u > -1", "-9223372036854775808 >= -1e19",
            "duration('1s') < duration('2s')", "timestamp(1) < timestamp(2)", "'\\uFFFF' < '\\U00010000'",
            "!(double('NaN') < 1.0)", "!(1.0 <= double('NaN'))", "!(1 >= double('NaN'))",
        ])
        expectFailures(["1 < '1'", "null < null", "[1] < [2]", "{} < {}", "int < string"])
    }

    @Test func `an integer is rounded when it meets a double, so that each of two numbers is less, greater or equal`() {
        expectTrue([
            "9223372036854775807 == 9223372036854775808.0", "9223372036854775808.0 == 9223372036854775807",
            "!(9223372036854775807 < 9223372036854775808.0)", "9223372036854775807 >= 9223372036854775808.0",
            "!(9223372036854775808.0 > 9223372036854775807)", "9223372036854775808.0 <= 9223372036854775807",
            "9007199254740993 == 9007199254740992.0", "!(9007199254740992.0 < 9007199254740993)",
            "18446744073709551615u == 18446744073709551616.0", "!(18446744073709551616.0 > 18446744073709551615u)",
            "9007199254740992.0 in [9007199254740993]",
            // The next doubles outside of the integers are no neighbours.
            "9223372036854775807 < 9223372036854777856.0", "-9223372036854775808 > -9223372036854777856.0",
            "18446744073709551615u < 18446744073709555712.0",
            // Nothing is rounded where no double is.
            "9007199254740993 != 9007199254740992", "18446744073709551615u > 9223372036854775807",
            // Keys are found by the number they are.
            "!(9007199254740992.0 in {9007199254740993: 1})", "9007199254740992.0 in {9007199254740992: 1}",
        ])
    }

    @Test func `an operand that decides hides the errors of others`() {
        expectSame([
            ("false && 1 / 0 == 1", "false"), ("1 / 0 == 1 && false", "false"), ("true || 1 / 0 == 1", "true"),
            ("1 / 0 == 1 || true", "true"), ("1 || true", "true"), ("'x' && false", "false"),
            ("1 / 0 == 1 || 2 / 0 == 1 || true", "true"), ("true ? 1 : 1 / 0", "1"), ("false ? 1 / 0 : 2", "2"),
        ])
        expectFailures(["1 / 0 == 1 || false", "1 / 0 == 1 && true", "1 && true", "1 ? 2 : 3", "!1"])
    }

    @Test func `lists and maps`() {
        expectSame([
            ("[1, 2][1]", "2"), ("[1, 2][1.0]", "2"), ("[1, 2][0u]", "1"), ("{'a': 1}.a", "1"), ("{'a': 1}['a']", "1"),
            ("{1: 'x'}[1u]", "'x'"), ("{1u: 'x'}[1.0]", "'x'"), ("{true: 'x'}[true]", "'x'"), ("2 in [1, 2u]", "true"),
            ("'a' in {'a': 1}", "true"), ("1.0 in {1: 2}", "true"), ("1.5 in {1: 2}", "false"),
            ("3 in [1, 'a']", "false"),
            ("[1] + [2]", "[1, 2]"), ("size([1, 2])", "2"), ("{}.size()", "0"), ("{'a b': 1}.`a b`", "1"),
            ("{'for': 1}.for", "1"), ("has({'a': null}.a)", "true"), ("has({}.a)", "false"),
            ("has({'a': {}}.a.b)", "false"),
        ])
        expectFailures([
            "[1][1]", "[1][-1]", "[1]['a']", "[1][0.5]", "{'a': 1}.b", "{1: 2}[2]", "{1.5: 1}", "{null: 1}", "{[]: 1}",
            "{1: 'a', 1u: 'b'}", "1.a", "has([].a)", "has({}.a.b)", "1 in 1", "{}[{}]",
        ])
    }

    @Test func `macros`() {
        expectSame([
            ("[1, 2].all(x, x > 0)", "true"), ("[1, 0].all(x, 1 / x < 1)", "false"),
            ("[0, 2].exists(x, 1 / x < 1)", "true"),
            ("[].all(x, x)", "true"), ("[].exists(x, x)", "false"), ("[1, 2, 1].exists_one(x, x == 1)", "false"),
            ("[1, 2].exists_one(x, x == 1)", "true"), ("[1, 2].map(x, x * x)", "[1, 4]"),
            ("{'a': 1}.map(k, k)", "['a']"),
            ("[1, 2, 3].map(x, x > 1, x * 2)", "[4, 6]"), ("[1, 2, 3].filter(x, x % 2 == 1)", "[1, 3]"),
            ("{'a': 1, 'b': 2}.filter(k, k != 'a')", "['b']"), ("{'a': 1}.exists(k, k == 'a')", "true"),
            ("[1, 2].map(x, [3, 4].map(y, x * y))", "[[3, 4], [6, 8]]"), ("[1].map(x, [2].map(x, x))", "[[2]]"),
        ])
        expectFailures([
            "[0, 2].all(x, 1 / x < 1)", "[1, 0].exists_one(x, 1 / x == 1)", "[0].map(x, 1 / x)", "1.all(x, true)",
            "[1].filter(x, 1)", "'abc'.map(x, x)",
        ])
    }

    @Test func `macros with two variables see the index or the key too`() {
        expectSame([
            ("[5, 6].all(i, v, v == i + 5)", "true"), ("{'a': 1}.exists(k, v, k == 'a' && v == 1)", "true"),
            ("[1, 1].existsOne(i, v, i == v)", "true"), ("[2, 4].transformList(i, v, i * v)", "[0, 4]"),
            ("[2, 4].transformList(i, v, i > 0, v)", "[4]"), ("{'a': 1}.transformMap(k, v, v + 1)", "{'a': 2}"),
            ("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, k)", "{'b': 'b'}"),
            ("['x'].transformMap(i, v, v)", "{0: 'x'}"),
            ("{'a': 'b'}.transformMapEntry(k, v, {v: k})", "{'b': 'a'}"),
        ])
        expectFailures([
            "{'a': 1, 'b': 1}.transformMapEntry(k, v, {v: k})", "[1].all(x, x, true)", "[1].transformMapEntry(i, v, v)",
        ])
    }

    @Test func `conversions`() {
        expectSame([
            ("int(1u)", "1"), ("int(-1.9)", "-1"), ("int('-12')", "-12"), ("uint(3.9)", "3u"), ("uint('7')", "7u"),
            ("double(1)", "1.0"), ("double('1e3')", "1000.0"), ("string(1)", "'1'"), ("string(1u)", "'1'"),
            ("string(1.5)", "'1.5'"), ("string(1e100)", "'1e+100'"), ("string(-0.0045)", "'-0.0045'"),
            ("string(b'abc')", "'abc'"), ("bytes('\u{E9}')", #"b'\xc3\xa9'"#), ("bool('true')", "true"),
            ("string(true)", "'true'"),
            ("dyn(1)", "1"), ("type(1)", "int"), ("type(int)", "type"), ("type(null)", "null_type"),
            ("type([])", "list"),
            ("size('\u{1F600}a')", "2"), ("size(b'\u{E9}')", "2"), ("int(timestamp(5))", "5"),
        ])
        expectFailures([
            "int(9223372036854775808u)", "int(1e19)", "int(double('NaN'))", "int('1.5')", "int('+1')", "uint(-1)",
            "uint(1e20)", "uint('-1')", "double('x')", #"string(b'\xff')"#, "bool('yes')", "int(true)", "string(null)",
            "size(1)",
        ])
    }

    @Test func `strings`() {
        expectTrue([
            "'hello'.contains('ell')", "'hello'.contains('')", "!'hello'.contains('lo ')", "'ababac'.contains('abac')",
            "'hello'.startsWith('he')", "'hello'.endsWith('lo')", "!'lo'.endsWith('hello')", "'hello'.matches('l+o$')",
            "matches('hello', '^h')", "!'hello'.matches('^e')",
        ])
    }
}
