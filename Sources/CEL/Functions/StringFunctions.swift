/// The extension functions for strings. Positions and lengths are in code points.
enum StringFunctions {
    private typealias Search = TextSearch<Unicode.Scalar>

    /// The code points of an argument, charged as the work on them will be.
    private static func scalars(_ text: String, _ budget: inout Budget) throws(CELError) -> [Unicode.Scalar] {
        try budget.charge(bytes: text.utf8.count * 4)
        return Array(text.unicodeScalars)
    }

    static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    static func noOverload(_ name: String, _ arguments: [Value]) -> CELError {
        CELError("no such overload: \(name)(\(arguments.map(\.type.name).joined(separator: ", ")))")
    }

    private static func outOfRange(_ index: Int64) -> CELError { CELError("index out of range: \(index)") }

    @Sendable static func charAt(_ value: Value, _ index: Value, _ budget: inout Budget) throws(CELError) -> Value {
        guard case .string(let text) = value, case .int(let index) = index else {
            throw noOverload("charAt", [value, index])
        }
        let scalars = try scalars(text, &budget)
        guard index >= 0, index <= scalars.count else { throw outOfRange(index) }
        return .string(index == scalars.count ? "" : String(scalars[Int(index)]))
    }

    @Sendable static func indexOf(_ arguments: [Value], _ budget: inout Budget) throws(CELError) -> Value {
        guard case .string(let text) = arguments[0], case .string(let part) = arguments[1] else {
            throw noOverload("indexOf", arguments)
        }
        let scalars = try scalars(text, &budget)
        var start = 0
        if arguments.count == 3 {
            guard case .int(let index) = arguments[2] else { throw noOverload("indexOf", arguments) }
            guard index >= 0, index <= scalars.count else { throw outOfRange(index) }
            start = Int(index)
        }
        let search = try Search(Self.scalars(part, &budget), &budget)
        return .int(Int64(try search.first(in: scalars, from: start, &budget) ?? -1))
    }

    /// The last place where the part stands, not after the index.
    @Sendable static func lastIndexOf(_ arguments: [Value], _ budget: inout Budget) throws(CELError) -> Value {
        guard case .string(let text) = arguments[0], case .string(let part) = arguments[1] else {
            throw noOverload("lastIndexOf", arguments)
        }
        let scalars = try scalars(text, &budget)
        let partScalars = try Self.scalars(part, &budget)
        var end = scalars.count
        if arguments.count == 3 {
            guard case .int(let index) = arguments[2] else { throw noOverload("lastIndexOf", arguments) }
            guard index >= 0, index <= scalars.count else { throw outOfRange(index) }
            end = min(end, Int(index) + partScalars.count)
        }
        let search = try Search(partScalars.reversed(), &budget)
        let found = try search.first(in: scalars[..<end].reversed(), from: 0, &budget)
        return .int(Int64(found.map { end - $0 - partScalars.count } ?? -1))
    }

    @Sendable static func substring(_ arguments: [Value], _ budget: inout Budget) throws(CELError) -> Value {
        guard case .string(let text) = arguments[0], case .int(let start) = arguments[1] else {
            throw noOverload("substring", arguments)
        }
        let scalars = try scalars(text, &budget)
        var end = Int64(scalars.count)
        if arguments.count == 3 {
            guard case .int(let index) = arguments[2] else { throw noOverload("substring", arguments) }
            end = index
        }
        guard start >= 0, start <= scalars.count else { throw outOfRange(start) }
        guard end >= 0, end <= scalars.count else { throw outOfRange(end) }
        guard start <= end else { throw CELError("invalid substring range: start \(start), end \(end)") }
        return .string(Self.text(scalars[Int(start)..<Int(end)]))
    }

    @Sendable static func replace(_ arguments: [Value], _ budget: inout Budget) throws(CELError) -> Value {
        guard case .string(let text) = arguments[0], case .string(let old) = arguments[1],
            case .string(let new) = arguments[2]
        else { throw noOverload("replace", arguments) }
        let limit = try limit(arguments, at: 3, "replace")
        guard !old.isEmpty else { return .string(try interspersed(text, new, limit, &budget)) }
        let bytes = Array(text.utf8)
        let search = try TextSearch(old, &budget)
        let places = try places(of: search, length: old.utf8.count, in: bytes, limit, &budget)
        try budget.charge(bytes: bytes.count + places.count * (new.utf8.count + 16))
        var result: [UInt8] = []
        var start = 0
        for place in places {
            result += bytes[start..<place]
            result += new.utf8
            start = place + old.utf8.count
        }
        return .string(String(decoding: result + bytes[start...], as: UTF8.self))
    }

    /// The new text before each code point and at the end, as replacing nothing means.
    private static func interspersed(
        _ text: String,
        _ new: String,
        _ limit: Int,
        _ budget: inout Budget
    ) throws(CELError) -> String {
        let scalars = try scalars(text, &budget)
        try budget.charge(bytes: min(limit, scalars.count + 1) * (new.utf8.count + 16))
        var result = ""
        for (index, scalar) in scalars.enumerated() {
            if index < limit { result += new }
            result.unicodeScalars.append(scalar)
        }
        return scalars.count < limit ? result + new : result
    }

    @Sendable static func split(_ arguments: [Value], _ budget: inout Budget) throws(CELError) -> Value {
        guard case .string(let text) = arguments[0], case .string(let separator) = arguments[1] else {
            throw noOverload("split", arguments)
        }
        let limit = try limit(arguments, at: 2, "split")
        if limit == 0 { return .list([Value]()) }
        if limit == 1 { return .list([.string(text)]) }
        if separator.isEmpty {
            let scalars = try scalars(text, &budget)
            try budget.charge(scalars.count)
            let whole = scalars.count > limit ? limit - 1 : scalars.count
            var parts: [Value] = scalars[..<whole].map { .string(String($0)) }
            if whole < scalars.count { parts.append(.string(Self.text(scalars[whole...]))) }
            return .list(parts)
        }
        let bytes = Array(text.utf8)
        let search = try TextSearch(separator, &budget)
        let places = try places(of: search, length: separator.utf8.count, in: bytes, limit - 1, &budget)
        try budget.charge(places.count + 1)
        var parts: [Value] = []
        var start = 0
        for place in places {
            parts.append(.string(String(decoding: bytes[start..<place], as: UTF8.self)))
            start = place + separator.utf8.count
        }
        parts.append(.string(String(decoding: bytes[start...], as: UTF8.self)))
        return .list(parts)
    }

    /// The optional last argument: how many at most, all when it is missing or negative.
    private static func limit(_ arguments: [Value], at index: Int, _ name: String) throws(CELError) -> Int {
        guard arguments.count > index else { return .max }
        guard case .int(let limit) = arguments[index] else { throw noOverload(name, arguments) }
        return limit < 0 ? .max : Int(limit)
    }

    private static func places(
        of search: TextSearch<UInt8>,
        length: Int,
        in bytes: [UInt8],
        _ limit: Int,
        _ budget: inout Budget
    ) throws(CELError) -> [Int] {
        var places: [Int] = []
        var start = 0
        while places.count < limit, let place = try search.first(in: bytes, from: start, &budget) {
            try budget.charge(1)
            places.append(place)
            start = place + length
        }
        return places
    }

    @Sendable static func join(_ arguments: [Value], _ budget: inout Budget) throws(CELError) -> Value {
        guard case .list(let list) = arguments[0] else { throw noOverload("join", arguments) }
        var separator = ""
        if arguments.count == 2 {
            guard case .string(let text) = arguments[1] else { throw noOverload("join", arguments) }
            separator = text
        }
        var result = ""
        for (index, element) in list.enumerated() {
            guard case .string(let text) = element else { throw noOverload("join", [element]) }
            try budget.charge(1 + (text.utf8.count + separator.utf8.count) >> 4)
            if index > 0 { result += separator }
            result += text
        }
        return .string(result)
    }

    /// The text without white space, as Unicode has it, at both ends.
    static func trimmed(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let start = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let end = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[start...end])
    }

    /// The text with ASCII letters of one case in the other.
    static func mapped(_ text: String, _ letters: ClosedRange<UInt8>) -> String {
        String(decoding: text.utf8.map { letters.contains($0) ? $0 ^ 0x20 : $0 }, as: UTF8.self)
    }
}
