import CEL
import Testing

/// The extension libraries, after the README of cel-go's `ext` and the API documentation of Kubernetes.
@Suite struct ExtensionTests {
    @Test func `optionals`() {
        expectSame([
            ("{'a': 1}.?a", "optional.of(1)"), ("{}.?a", "optional.none()"), ("{}.?a.b.c", "optional.none()"),
            ("{'a': {'b': 2}}.?a.b.orValue(0)", "2"), ("[1][?0]", "optional.of(1)"), ("[1][?5]", "optional.none()"),
            ("{'a': 1}[?'a'].value()", "1"), ("optional.none().orValue(3)", "3"),
            ("optional.of(1).orValue(1 / 0)", "1"),
            ("optional.none().or(optional.of(2)).value()", "2"), ("optional.ofNonZeroValue('').hasValue()", "false"),
            ("optional.of(2).optMap(x, x * 2).value()", "4"), ("optional.none().optMap(x, x * 2)", "optional.none()"),
            ("optional.of({}).optFlatMap(x, x.?y)", "optional.none()"),
            ("[1, ?optional.none(), ?optional.of(2)]", "[1, 2]"),
            ("{?'a': optional.none(), ?'b': optional.of(1)}", "{'b': 1}"), ("has({}.?a.b)", "false"),
            ("has({'a': optional.none()}.a)", "true"),
            ("has({'a': optional.none()}.a.b)", "false"), ("has({?'a': optional.none()}.a)", "false"),
            ("optional.unwrap([optional.of(1), optional.none()])", "[1]"), ("[optional.of(1)].unwrapOpt()", "[1]"),
            ("type(optional.none()) == optional_type", "true"), ("optional.of(1) == optional.of(1.0)", "true"),
            ("{'a': null}.?a.hasValue()", "true"), ("optional.none()[0].x", "optional.none()"),
        ])
        expectFailures([
            "optional.none().value()", "optional.none().orValue(1 / 0)", "{'a': 1}.?a.b", "[?1]", "{?'a': 1}",
            "1.orValue(2)",
            "optional.of(1).optFlatMap(x, x)", "optional.none().or(1)", "1.?a", "{'a': null}.?a.b",
        ])
    }

    @Test func `bindings`() {
        expectSame([
            ("cel.bind(a, 'x', a + a)", "'xx'"), ("cel.bind(a, 1, cel.bind(b, a + 1, a + b))", "3"),
            ("cel.bind(a, 1 / 0, true || a == 1)", "true"),
            ("cel.bind(a, 1 / 0, true || a == 1) && [1].all(x, x == 1)", "true"),
            ("cel.bind(a, [1, 2], a.map(x, x + a[0]))", "[2, 3]"),
            ("cel.block([1, cel.index(0) + 1, cel.index(1) + 1], cel.index(2))", "3"),
            ("cel.block([[1, 2].map(cel.iterVar(0, 0), cel.iterVar(0, 0) * 2)], cel.index(0)[1])", "4"),
        ])
        expectFailures([
            "cel.bind(a, 1 / 0, a)", "cel.bind('a', 1, 2)", "cel.block(1, 2)", "cel.index(x)", "cel.nosuch(1)",
        ])
    }

    @Test func `encoders`() {
        expectSame([
            ("base64.encode(b'hello')", "'aGVsbG8='"), ("base64.decode('aGVsbG8=')", "b'hello'"),
            ("base64.decode('aGVsbG8')", "b'hello'"), ("base64.encode(b'')", "''"),
            (#"base64.encode(b'\xfb\xff')"#, "'+/8='"),
        ])
        expectFailures([
            "base64.decode('a')", "base64.decode('a===')", "base64.decode('ab c')", "base64.encode('text')",
        ])
    }

    @Test func `lists`() {
        expectSame([
            ("[1, 2, 3, 4].slice(1, 3)", "[2, 3]"), ("[1].slice(1, 1)", "[]"),
            ("[1, [2, [3]]].flatten()", "[1, 2, [3]]"),
            ("[1, [2, [3, [4]]]].flatten(2)", "[1, 2, 3, [4]]"), ("[1, [2]].flatten(0)", "[1, [2]]"),
            ("[1, 2.0, 2, 'a', 'a', [1], [1.0]].distinct()", "[1, 2.0, 'a', [1]]"), ("[3, 1, 2].sort()", "[1, 2, 3]"),
            ("['b', 'a'].sort()", "['a', 'b']"), ("[{'n': 2}, {'n': 1}].sortBy(x, x.n)", "[{'n': 1}, {'n': 2}]"),
            ("lists.range(3)", "[0, 1, 2]"), ("lists.range(-1)", "[]"), ("[1, 2].reverse()", "[2, 1]"),
            ("[1, 2].first()", "optional.of(1)"), ("[].last()", "optional.none()"), ("[1, 2, 3].sum()", "6"),
            ("[].sum()", "0"), ("[2, 1].min()", "1"), ("[2.5, 1.0].max()", "2.5"), ("[1, 2, 2].isSorted()", "true"),
            ("[1, 2, 1].indexOf(1)", "0"), ("[1, 2, 1].lastIndexOf(1)", "2"), ("[1].indexOf(5)", "-1"),
            ("sets.contains([1, 2], [2.0])", "true"), ("sets.equivalent([1, 1], [1])", "true"),
            ("sets.intersects([1], [2])", "false"),
        ])
        expectFailures([
            "[1].slice(0, 2)", "[1].slice(-1, 0)", "[1, 'a'].sort()", "[[1]].sort()", "[1].flatten(-1)", "[].min()",
            "[1, 'a'].sum()",
        ])
    }

    @Test func `math`() {
        expectSame([
            ("math.greatest(1, 2.5, 2u)", "2.5"), ("math.greatest([3, 1])", "3"), ("math.least(1, -1.5)", "-1.5"),
            ("math.ceil(1.2)", "2.0"), ("math.floor(-1.2)", "-2.0"), ("math.round(-1.5)", "-2.0"),
            ("math.trunc(-1.9)", "-1.0"),
            ("math.abs(-3)", "3"), ("math.abs(-1.5)", "1.5"), ("math.sign(-2.0)", "-1.0"), ("math.sign(0u)", "0u"),
            ("math.isNaN(0.0 / 0.0)", "true"), ("math.isInf(-1.0 / 0.0)", "true"), ("math.isFinite(1.0)", "true"),
            ("math.bitAnd(6, 3)", "2"), ("math.bitOr(6u, 3u)", "7u"), ("math.bitXor(6, 3)", "5"),
            ("math.bitNot(0u)", "18446744073709551615u"),
            ("math.bitShiftLeft(1, 63)", "-9223372036854775808"), ("math.bitShiftLeft(1, 64)", "0"),
            ("math.bitShiftRight(-1024, 3)", "2305843009213693824"), ("math.sqrt(16)", "4.0"),
        ])
        expectFailures([
            "math.abs(-9223372036854775808)", "math.greatest()", "math.greatest([])", "math.greatest('a')",
            "math.ceil(1)",
            "math.bitAnd(1, 1u)", "math.bitShiftLeft(1, -1)", "math.isNaN(1)",
        ])
    }

    @Test func `strings`() {
        expectSame([
            ("'h\u{E9}llo'.charAt(1)", "'\u{E9}'"), ("'abc'.charAt(3)", "''"), ("'banana'.indexOf('an', 2)", "3"),
            ("'banana'.indexOf('x')", "-1"), ("'banana'.lastIndexOf('an')", "3"),
            ("'banana'.lastIndexOf('an', 2)", "1"),
            ("'abc'.indexOf('')", "0"), ("'abc'.lastIndexOf('')", "3"), ("'\u{E9}a\u{E9}a'.indexOf('a', 2)", "3"),
            ("['a', 'b'].join('-')", "'a-b'"), ("[].join()", "''"), ("'aB\u{C9}'.lowerAscii()", "'ab\u{C9}'"),
            ("'aB\u{E9}'.upperAscii()", "'AB\u{E9}'"), ("'aaa'.replace('a', 'b', 2)", "'bba'"),
            ("'ab'.replace('', '-')", "'-a-b-'"),
            ("'ab'.replace('', '-', 2)", "'-a-b'"), ("'a,b,c'.split(',')", "['a', 'b', 'c']"),
            ("'a,b,c'.split(',', 2)", "['a', 'b,c']"),
            ("'abc'.split('')", "['a', 'b', 'c']"), ("'abc'.split('', 2)", "['a', 'bc']"), ("'a'.split(',', 0)", "[]"),
            ("'h\u{E9}llo'.substring(1, 3)", "'\u{E9}l'"), ("'abc'.substring(3)", "''"),
            ("' \\t a\\u00a0'.trim()", "'a'"),
            ("'h\u{E9}'.reverse()", "'\u{E9}h'"), (#"strings.quote('a"b\n')"#, #"'"a\\"b\\n"'"#),
        ])
        expectFailures([
            "'abc'.charAt(4)", "'abc'.charAt(-1)", "'abc'.indexOf('a', 4)", "'abc'.lastIndexOf('a', -1)",
            "'abc'.substring(2, 1)",
            "'abc'.substring(4)", "[1].join()", "'a'.replace(1, 2)", "1.charAt(0)",
        ])
    }

    @Test func `format`() {
        expectSame([
            ("'%s %d %%'.format(['a', 3])", "'a 3 %'"), ("'%.3f'.format([1.2345])", "'1.234'"),
            ("'%e'.format([1052.5])", "'1.052500e+03'"),
            ("'%b %o %x %X'.format([5, 8u, 255, 255])", "'101 10 ff FF'"), ("'%x'.format(['hi'])", "'6869'"),
            ("'%b'.format([true])", "'1'"),
            ("'%x'.format([b'\\x0a'])", "'0a'"), ("'%d'.format([-7])", "'-7'"), ("'%.0f'.format([2.5])", "'2'"),
            (
                "'%s'.format([[1, 'a', null, 2.5, {'b': true, 'a': duration('1s')}]])",
                "'[1, a, null, 2.5, {a: 1s, b: true}]'"
            ),
            ("'%s %f'.format([double('NaN'), double('-Infinity')])", "'NaN -Infinity'"),
            ("'%s'.format([type(1)])", "'int'"),
        ])
        expectFailures([
            "'%s'.format([])", "'%q'.format([1])", "'%'.format([1])", "'%d'.format(['a'])", "'%f'.format(['a'])",
            "'%x'.format([1.5])",
            "'%.99999f'.format([1.5])", "'%b'.format(['x'])", "'%s'.format([optional.none()])",
        ])
    }

    @Test func `quantities`() {
        expectSame([
            ("quantity('1.5Gi').isGreaterThan(quantity('1500M'))", "true"),
            ("quantity('1k').compareTo(quantity('1000'))", "0"),
            ("quantity('50k').asInteger()", "50000"), ("quantity('1500m').isInteger()", "false"),
            ("quantity('1.5').asApproximateFloat()", "1.5"),
            ("string(quantity('500m').add(quantity('1500m')))", "'2'"),
            ("string(quantity('1Gi').sub(1))", "'1073741823'"),
            ("string(quantity('1.5Gi'))", "'1536Mi'"), ("string(quantity('0.5'))", "'500m'"),
            ("string(quantity('12000'))", "'12k'"),
            ("quantity('-1').sign()", "-1"), ("quantity('1e3') == quantity('1k')", "true"),
            ("isQuantity('1.3Gii')", "false"),
            ("isQuantity('1e')", "false"), ("isQuantity('')", "false"),
            ("quantity('0.1n').asApproximateFloat() > 0.0", "true"),
            ("quantity('99999E') == quantity('9223372036854775807')", "true"), ("string(quantity('0'))", "'0'"),
        ])
        expectFailures(["quantity('x')", "quantity('1.5').asInteger()", "quantity('1').add('1')"])
    }

    @Test func `addresses and ranges of addresses`() {
        expectSame([
            ("string(ip('2001:DB8:0:0::68'))", "'2001:db8::68'"), ("ip('::ffff:c0a8:1') == ip('192.168.0.1')", "true"),
            ("ip('127.0.0.1').isLoopback()", "true"), ("ip('::1').isLoopback()", "true"),
            ("ip('169.254.1.1').isLinkLocalUnicast()", "true"),
            ("ip('fe80::1').isLinkLocalUnicast()", "true"), ("ip('ff02::1').isLinkLocalMulticast()", "true"),
            ("ip('224.0.0.1').isLinkLocalMulticast()", "true"), ("ip('10.0.0.1').isGlobalUnicast()", "true"),
            ("ip('255.255.255.255').isGlobalUnicast()", "false"), ("ip('::').isUnspecified()", "true"),
            ("ip('::').family()", "6"),
            ("ip.isCanonical('2001:db8::68')", "true"), ("ip.isCanonical('2001:DB8::68')", "false"),
            ("isIP('1.2.3.04')", "false"),
            ("isIP('1.2.3')", "false"), ("isIP('::ffff:1.2.3.4')", "false"), ("isIP('fe80::1%eth0')", "false"),
            ("isIP('1::2::3')", "false"),
            ("cidr('10.0.0.0/8').containsIP('10.1.2.3')", "true"),
            ("cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))", "false"),
            ("cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')", "true"),
            ("cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))", "false"),
            ("string(cidr('10.1.2.3/8').masked())", "'10.0.0.0/8'"), ("cidr('10.1.2.3/8').prefixLength()", "8"),
            ("cidr('::/0').containsIP('1.2.3.4')", "false"), ("isCIDR('10.0.0.0/33')", "false"),
            ("isCIDR('10.0.0.0/')", "false"),
            ("type(ip('::')) == net.IP && type(cidr('::/1')) == net.CIDR", "true"),
            ("string(ip('1:0:0:2:0:0:0:3'))", "'1:0:0:2::3'"),
        ])
        expectFailures(["ip('x')", "cidr('10.0.0.0')", "isIP(1)", "ip.isCanonical('x')"])
    }

    @Test func `URLs`() {
        let url = "url('https://user:pw@example.com:8080/a%20b/c?x=1&y=2&x=%203#top')"
        expectSame([
            ("\(url).getScheme()", "'https'"), ("\(url).getHost()", "'example.com:8080'"),
            ("\(url).getHostname()", "'example.com'"),
            ("\(url).getPort()", "'8080'"), ("\(url).getEscapedPath()", "'/a%20b/c'"),
            ("\(url).getQuery()", "{'x': ['1', ' 3'], 'y': ['2']}"),
            ("url('http://[::1]:80/').getHostname()", "'::1'"), ("url('/path').getHost()", "''"),
            ("isURL('relative')", "false"),
            ("isURL('https://a b/')", "false"), ("isURL('https://a:b/')", "false"), ("isURL('/a%zz')", "false"),
            ("url('https://a') == url('https://a')", "true"), ("url('mailto:x').getScheme()", "'mailto'"),
        ])
    }

    @Test func `named formats`() {
        expectSame([
            ("format.dns1123Label().validate('my-app')", "optional.none()"),
            ("format.dns1123Label().validate('My_App').hasValue()", "true"),
            ("format.dns1035Label().validate('1a').hasValue()", "true"),
            ("format.dns1123Subdomain().validate('a.b-c')", "optional.none()"),
            ("format.dns1123LabelPrefix().validate('a-')", "optional.none()"),
            ("format.qualifiedName().validate('a.b/C_d')", "optional.none()"),
            ("format.labelValue().validate('')", "optional.none()"), ("format.uuid().validate('x').hasValue()", "true"),
            ("format.uuid().validate('123e4567-e89b-12d3-a456-426614174000')", "optional.none()"),
            ("format.date().validate('2023-02-29').hasValue()", "true"),
            ("format.datetime().validate('2023-02-28T00:00:00Z')", "optional.none()"),
            ("format.byte().validate('aGk=')", "optional.none()"),
            ("format.named('uri').value().validate('/x')", "optional.none()"),
            ("format.named('nosuch')", "optional.none()"),
        ])
    }
}
