/// Takes a long list out of a document that arrives in pieces.
///
/// The elements of one array, a member of the document, are handed out one by one as soon as they are complete; what
/// stands around the array is a value at the end. No more than one piece and one element are held at a time.
///
/// ```swift
/// var list = JSONListReader()
/// for try await piece in body {
///     try list.read(piece.span) { pods.append(try Pod(parsing: $0)) }
/// }
/// let resourceVersion = try list.finish()[path: "metadata", "resourceVersion"]
/// ```
///
/// Elements are found by their brackets and quotes; their syntax is checked by whoever reads them. Pieces may be cut
/// anywhere. After an error nothing more can be read.
public struct JSONListReader: Sendable {
    /// An object may have 1.5 MB in etcd and is larger as JSON; ten times that is not an object any more.
    public static let maximumElementBytes = 16 << 20

    private enum Place {
        /// Before or behind the array.
        case around
        /// In front of the first element, or of the end.
        case first
        /// In front of an element.
        case next
        /// In an element.
        case element
        /// Behind an element.
        case behind
    }

    /// How many elements were read; when the body has thrown, the index of the one that was handed to it.
    public private(set) var count = 0

    private let member: String
    private let limit: Int
    private var place = Place.around
    private var hasList = false
    /// The document without the elements.
    private var rest: [UInt8] = []
    private var restOutline = JSONOutline()
    /// Where in `rest` the last string directly in the document begins: the name of an array that comes next.
    private var name = 0
    /// The part of an element that came with earlier pieces.
    private var element: [UInt8] = []
    private var elementOutline = JSONOutline()

    /// A reader in front of a document.
    /// - Parameters:
    ///   - member: the name of the array.
    ///   - limit: the size of the largest element, and of all that is no element, in bytes.
    public init(_ member: String = "items", limit: Int = JSONListReader.maximumElementBytes) {
        self.member = member
        self.limit = limit
    }

    /// Reads the next piece of the document.
    /// - Parameter body: gets the bytes of each element that is complete with this piece, in their order.
    /// - Throws: `JSONDecodingError` when the list is malformed or an element too large, and what `body` throws.
    public mutating func read(_ piece: borrowing Span<UInt8>, _ body: (borrowing Span<UInt8>) throws -> Void) throws {
        try piece.withUnsafeBytes { try read($0, body) }
    }

    /// Ends the document.
    /// - Returns: the document without the array. An array that is missing or `null` counts as an empty one.
    /// - Throws: `JSONDecodingError` when the document is cut off, or malformed around the array.
    public func finish() throws(JSONDecodingError) -> JSONValue {
        guard case .around = place else {
            throw JSONDecodingError(path: "\(member)[\(count)]", "the document ends here")
        }
        var document: JSONValue
        do { document = try JSONValue(parsing: rest) } catch {
            throw JSONDecodingError("the document without the elements of \(member) is not JSON: \(error)")
        }
        guard case .object = document else { throw .expected("object", found: document) }
        let list = document[member] ?? .null
        document[member] = nil
        guard list == (hasList ? [] : .null) else {
            throw hasList ? twice : JSONDecodingError.expected("array", found: list).inside(member)
        }
        return document
    }

    private mutating func read(
        _ piece: UnsafeRawBufferPointer,
        _ body: (borrowing Span<UInt8>) throws -> Void
    ) throws {
        var position = 0
        while position < piece.count {
            if case .element = place {
                try readElement(in: piece, at: &position, body)
            } else if case .around = place {
                try readAround(piece[position])
                position += 1
            } else {
                switch piece[position] {
                case 0x20, 0x0A, 0x0D, 0x09: position += 1
                case let byte: position += try readBetween(byte)
                }
            }
        }
    }

    private mutating func readAround(_ byte: UInt8) throws(JSONDecodingError) {
        let wasInString = restOutline.isInString
        if byte == UInt8(ascii: "["), restOutline.depth == 1, !wasInString, isListNext {
            guard !hasList else { throw twice }
            hasList = true
            place = .first
        } else {
            restOutline.pass(byte)
            if restOutline.depth == 1, restOutline.isInString, !wasInString { name = rest.count }
        }
        rest.append(byte)
        guard rest.count <= limit else {
            throw JSONDecodingError("the document without the elements of \(member) is larger than \(limit) bytes")
        }
    }

    private var isListNext: Bool {
        rest.withUnsafeBytes {
            var reader = JSONReader($0)
            reader.position = name
            return (try? reader.readString()) == member
        }
    }

    /// - Returns: how many bytes were read: none when the byte begins an element.
    private mutating func readBetween(_ byte: UInt8) throws(JSONDecodingError) -> Int {
        switch (place, byte) {
        case (.first, UInt8(ascii: "]")), (.behind, UInt8(ascii: "]")):
            rest.append(byte)
            place = .around
            return 1
        case (.behind, UInt8(ascii: ",")):
            place = .next
            return 1
        case (.behind, _):
            throw JSONDecodingError(path: "\(member)[\(count - 1)]", "expected ',' or ']' behind it")
        case (_, UInt8(ascii: ",")), (_, UInt8(ascii: "]")), (_, UInt8(ascii: "}")):
            throw JSONDecodingError(path: "\(member)[\(count)]", "expected a value")
        default:
            elementOutline = JSONOutline()
            place = .element
            return 0
        }
    }

    private mutating func readElement(
        in piece: UnsafeRawBufferPointer,
        at position: inout Int,
        _ body: (borrowing Span<UInt8>) throws -> Void
    ) throws {
        let start = position
        let isComplete = elementOutline.passValue(in: piece, from: &position)
        guard element.count + position - start <= limit else {
            throw JSONDecodingError(path: "\(member)[\(count)]", "larger than \(limit) bytes")
        }
        let part = UnsafeRawBufferPointer(rebasing: piece[start..<position])
        if isComplete, element.isEmpty {
            try body(part.assumingMemoryBound(to: UInt8.self).span)
        } else {
            element.append(contentsOf: part)
            guard isComplete else { return }
            try body(element.span)
            element.removeAll(keepingCapacity: true)
        }
        count += 1
        place = .behind
    }

    private var twice: JSONDecodingError { JSONDecodingError(path: member, "the member is there twice") }
}
