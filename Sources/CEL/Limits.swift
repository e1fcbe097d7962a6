/// How much one expression may take, so that no expression can hang, exhaust the memory or overflow the stack.
public struct Limits: Sendable, Hashable {
    /// Work units of one evaluation: a step of a loop costs the size of its body, text and lists that are made or
    /// searched cost in proportion to their length. 1,000,000 units take well below a second.
    public var cost: Int
    /// How deeply expressions may nest, chains of operators and selections included. The specification asks for 32 at
    /// least. 80 levels fit a stack of 512 kB, as threads of Swift concurrency have, in a debug build too.
    public var depth: Int
    /// Bytes of an expression's text.
    public var sourceSize: Int

    /// Limits that suit expressions written by people.
    public init(cost: Int = 1_000_000, depth: Int = 80, sourceSize: Int = 65_536) {
        self.cost = cost
        self.depth = depth
        self.sourceSize = sourceSize
    }
}

/// What is left of `Limits.cost` during one evaluation.
struct Budget {
    private(set) var remaining: Int

    init(_ units: Int) { remaining = units }

    /// Takes units away, before the work is done that they stand for.
    mutating func charge(_ units: Int) throws(CELError) {
        guard units <= remaining else {
            remaining = 0
            throw CELError(exceeding: "the expression takes more than its cost limit allows")
        }
        remaining -= units
    }

    /// Takes away what making or searching that many bytes of text costs.
    mutating func charge(bytes: Int) throws(CELError) { try charge(bytes >> 4) }

    /// Takes away what comparing with this value or looking for it costs beyond the ordinary.
    mutating func charge(reading value: Value) throws(CELError) {
        switch value {
        case .string(let text): try charge(bytes: text.utf8.count)
        case .bytes(let bytes): try charge(bytes: bytes.count)
        default: break
        }
    }
}
