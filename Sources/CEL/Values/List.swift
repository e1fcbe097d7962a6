public import JSON

extension Value {
    /// A list of values. Elements of a JSON array are converted where they are read.
    public struct List: Sendable, RandomAccessCollection {
        enum Storage: Sendable {
            case json([JSONValue])
            case values([Value])
        }
        let storage: Storage

        /// The elements of a JSON array.
        @inline(__always)
        public init(_ elements: [JSONValue]) { storage = .json(elements) }

        /// A list of values.
        public init(_ elements: [Value]) { storage = .values(elements) }

        /// 0
        public var startIndex: Int { 0 }

        /// The number of elements.
        public var endIndex: Int {
            switch storage {
            case .json(let elements): elements.count
            case .values(let elements): elements.count
            }
        }

        /// The element at an index that must exist.
        public subscript(index: Int) -> Value {
            switch storage {
            case .json(let elements): Value(elements[index])
            case .values(let elements): elements[index]
            }
        }

        /// All elements as values.
        var values: [Value] {
            switch storage {
            case .json(let elements): elements.map { Value($0) }
            case .values(let elements): elements
            }
        }
    }

    /// A list of values.
    public static func list(_ elements: [Value]) -> Value { .list(List(elements)) }
}
