internal import JSON

/// No number in a state is larger: beyond 2^53 JSON is not exact everywhere. Sums of a few stay far from where arithmetic
/// overflows.
let largestCount: Int64 = 1 << 53

/// Narrows a field to what counters and readings of the clock can be.
@Sendable
func asCount(_ schema: inout JSONSchema) {
    schema.minimum = 0
    schema.maximum = JSONSchema.Limit(integerLiteral: largestCount)
}

extension Duration {
    /// In whole milliseconds, as the clock of a process counts; a thousand years at most.
    var onClock: Int { Int(max(.zero, min(self, .seconds(1000 * 365 * 86400))).milliseconds) }
}
