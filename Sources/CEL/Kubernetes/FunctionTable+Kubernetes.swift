extension FunctionTable {
    mutating func addKubernetes() {
        addQuantities()
        addAddresses()
        addRanges()
        addURLs()
        addFormats()
    }

    /// `name(text)` makes a value, `isName(text)` tells whether it could.
    private mutating func addReading(
        _ name: String,
        _ test: String,
        _ what: String,
        _ read: @escaping @Sendable (String) -> ExtensionValue?
    ) {
        global(name) { value, budget throws(CELError) in
            guard case .string(let text) = value else { throw Value.noOverload(name, value) }
            try budget.charge(bytes: text.utf8.count)
            guard let result = read(text) else { throw CELError("\(value.summary) is no \(what)") }
            return .other(result)
        }
        global(test) { value, budget throws(CELError) in
            guard case .string(let text) = value else { throw Value.noOverload(test, value) }
            try budget.charge(bytes: text.utf8.count)
            return .bool(read(text) != nil)
        }
    }

    // MARK: Quantities

    private mutating func addQuantities() {
        addReading("quantity", "isQuantity", "quantity such as \"1.5Gi\"") { Quantity($0).map { .quantity($0) } }
        addQuantity("sign") { quantity throws(CELError) in .int(quantity.sign) }
        addQuantity("isInteger") { quantity throws(CELError) in .bool(quantity.integer != nil) }
        addQuantity("asInteger") { quantity throws(CELError) in
            guard let integer = quantity.integer else { throw CELError("the quantity \(quantity) is no integer") }
            return .int(integer)
        }
        addQuantity("asApproximateFloat") { quantity throws(CELError) in .double(quantity.approximation) }
        addQuantity("add") { .other(.quantity($0.adding($1))) }
        addQuantity("sub") { .other(.quantity($0.subtracting($1))) }
        addQuantity("isGreaterThan") { .bool($0 > $1) }
        addQuantity("isLessThan") { .bool($0 < $1) }
        addQuantity("compareTo") { .int($0 < $1 ? -1 : $0 > $1 ? 1 : 0) }
    }

    private mutating func addQuantity(
        _ name: String,
        _ body: @escaping @Sendable (Quantity) throws(CELError) -> Value
    ) {
        method(name) { value, _ throws(CELError) in
            guard case .other(.quantity(let quantity)) = value else { throw Value.noOverload(name, value) }
            return try body(quantity)
        }
    }

    private mutating func addQuantity(_ name: String, _ body: @escaping @Sendable (Quantity, Quantity) -> Value) {
        method(name) { value, other, _ throws(CELError) in
            switch (value, other) {
            case (.other(.quantity(let left)), .other(.quantity(let right))): return body(left, right)
            case (.other(.quantity(let left)), .int(let right)): return body(left, Quantity(right))
            default: throw Value.noOverload(name, value, other)
            }
        }
    }

    // MARK: Addresses

    private mutating func addAddresses() {
        addReading("ip", "isIP", "IP address") { IPAddress($0).map { .ip($0) } }
        global("ip.isCanonical") { value, _ throws(CELError) in
            guard case .string(let text) = value else { throw Value.noOverload("ip.isCanonical", value) }
            guard let address = IPAddress(text) else { throw CELError("\(value.summary) is no IP address") }
            return .bool(address.description.isSame(as: text))
        }
        addAddress("family") { .int($0.family) }
        addAddress("isUnspecified") { .bool($0.isUnspecified) }
        addAddress("isLoopback") { .bool($0.isLoopback) }
        addAddress("isLinkLocalMulticast") { .bool($0.isLinkLocalMulticast) }
        addAddress("isLinkLocalUnicast") { .bool($0.isLinkLocalUnicast) }
        addAddress("isGlobalUnicast") { .bool($0.isGlobalUnicast) }
    }

    private mutating func addAddress(_ name: String, _ body: @escaping @Sendable (IPAddress) -> Value) {
        method(name) { value, _ throws(CELError) in
            guard case .other(.ip(let address)) = value else { throw Value.noOverload(name, value) }
            return body(address)
        }
    }

    private mutating func addRanges() {
        addReading("cidr", "isCIDR", "range of IP addresses such as \"10.0.0.0/8\"") { CIDR($0).map { .cidr($0) } }
        addRange("ip") { .other(.ip($0.address)) }
        addRange("masked") { .other(.cidr($0.masked)) }
        addRange("prefixLength") { .int(Int64($0.prefixLength)) }
        method("containsIP") { range, value, _ throws(CELError) in
            guard case .other(.cidr(let range)) = range else { throw Value.noOverload("containsIP", range, value) }
            switch value {
            case .other(.ip(let address)): return .bool(range.contains(address))
            case .string(let text):
                guard let address = IPAddress(text) else { throw CELError("\(value.summary) is no IP address") }
                return .bool(range.contains(address))
            default: throw Value.noOverload("containsIP", .other(.cidr(range)), value)
            }
        }
        method("containsCIDR") { range, value, _ throws(CELError) in
            guard case .other(.cidr(let range)) = range else { throw Value.noOverload("containsCIDR", range, value) }
            switch value {
            case .other(.cidr(let other)): return .bool(range.contains(other))
            case .string(let text):
                guard let other = CIDR(text) else { throw CELError("\(value.summary) is no range of IP addresses") }
                return .bool(range.contains(other))
            default: throw Value.noOverload("containsCIDR", .other(.cidr(range)), value)
            }
        }
    }

    private mutating func addRange(_ name: String, _ body: @escaping @Sendable (CIDR) -> Value) {
        method(name) { value, _ throws(CELError) in
            guard case .other(.cidr(let range)) = value else { throw Value.noOverload(name, value) }
            return body(range)
        }
    }

    // MARK: URLs

    private mutating func addURLs() {
        addReading("url", "isURL", "absolute URL") { AbsoluteURL($0).map { .url($0) } }
        addURL("getScheme") { url, _ throws(CELError) in .string(url.scheme) }
        addURL("getHost") { url, _ throws(CELError) in .string(url.host) }
        addURL("getHostname") { url, _ throws(CELError) in .string(url.hostname) }
        addURL("getPort") { url, _ throws(CELError) in .string(url.port) }
        addURL("getEscapedPath") { url, _ throws(CELError) in .string(url.escapedPath) }
        addURL("getQuery") { url, budget throws(CELError) in
            // Names are looked for among those found before.
            let count = url.query.utf8.count { $0 == UInt8(ascii: "&") } + 1
            try budget.charge(count * count)
            var builder = MapBuilder()
            for (name, values) in url.parameters { builder.set(.string(name), .list(values.map { .string($0) })) }
            return .map(builder.map)
        }
    }

    private mutating func addURL(
        _ name: String,
        _ body: @escaping @Sendable (AbsoluteURL, inout Budget) throws(CELError) -> Value
    ) {
        method(name) { value, budget throws(CELError) in
            guard case .other(.url(let url)) = value else { throw Value.noOverload(name, value) }
            try budget.charge(bytes: url.text.utf8.count)
            return try body(url, &budget)
        }
    }

    // MARK: Formats

    private mutating func addFormats() {
        for format in NamedFormat.allCases {
            global("format.\(format.rawValue)", 0...0) { _, _ throws(CELError) in .other(.format(format)) }
        }
        global("format.named") { value, _ throws(CELError) in
            guard case .string(let name) = value else { throw Value.noOverload("format.named", value) }
            return .optional(NamedFormat(rawValue: name).map { .other(.format($0)) })
        }
        method("validate") { format, value, budget throws(CELError) in
            guard case .other(.format(let format)) = format, case .string(let text) = value else {
                throw Value.noOverload("validate", format, value)
            }
            try budget.charge(bytes: text.utf8.count)
            let problems = format.problems(of: text)
            return .optional(problems.isEmpty ? nil : .list(problems.map { .string($0) }))
        }
    }
}
