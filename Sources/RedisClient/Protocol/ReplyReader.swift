internal import CHiredis

/// hiredis' reply parser: bytes in, replies out, cut wherever the network cut them.
///
/// Not thread-safe. After an error it stays unusable; the connection it reads from has to be closed.
struct ReplyReader: ~Copyable {
    /// The stream of bytes makes no sense, or too much of it is one reply.
    struct Failure: Error, Hashable {
        let detail: String
    }

    /// hiredis moves what is left in its buffer after each kilobyte of replies, so it is fed in modest portions
    /// (the size of `REDIS_READER_MAX_BUF`).
    static let portion = 16 << 10

    private let reader: UnsafeMutablePointer<redisReader>
    private let maximumReplySize: Int
    /// Bytes fed since the last reply was complete, that is of the next one.
    private var unfinished = 0

    init(maximumReplySize: Int) throws(Failure) {
        // The shortest element, such as `:1` and a line end, has four bytes.
        let longestArray = Int32(clamping: maximumReplySize / 4)
        guard let reader = chiredis_reader_create(longestArray) else {
            throw Failure(detail: "there is no memory for a reply reader.")
        }
        self.reader = reader
        self.maximumReplySize = maximumReplySize
    }

    deinit {
        chiredis_reader_free(reader)
    }

    /// Takes bytes from the network and hands on each reply that they complete, in order.
    mutating func read(
        _ bytes: UnsafeRawBufferPointer,
        _ body: (RedisValue) throws(Failure) -> Void
    ) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let portion = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.portion))
            rest = rest.dropFirst(Self.portion)
            let start = portion.baseAddress?.assumingMemoryBound(to: CChar.self)
            guard redisReaderFeed(reader, start, portion.count) == REDIS_OK else { throw failure() }
            unfinished += portion.count
            while let value = try next() { try body(value) }
            guard unfinished <= maximumReplySize else {
                throw Failure(
                    detail:
                        "a reply is larger than \(maximumReplySize) bytes (maximumReplySize). Ask for less at a time."
                )
            }
        }
    }

    private mutating func next() throws(Failure) -> RedisValue? {
        var object: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &object) == REDIS_OK else { throw failure() }
        guard let object else { return nil }
        defer { freeReplyObject(object) }
        unfinished = reader.pointee.len - reader.pointee.pos
        return RedisValue(copying: object.assumingMemoryBound(to: redisReply.self).pointee)
    }

    private func failure() -> Failure {
        if reader.pointee.err == REDIS_ERR_OOM {
            return Failure(detail: "a reply is longer than \(maximumReplySize / 4) elements, or memory has run out.")
        }
        let text = withUnsafeBytes(of: reader.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return Failure(detail: "\(text). Is this a Redis port, and is ssl set as the server has it?")
    }
}

extension RedisValue {
    /// Copies everything out, because hiredis owns what the reply points to. The depth is bounded by the parser
    /// (seven).
    fileprivate init(copying reply: redisReply) {
        switch reply.type {
        case REDIS_REPLY_STRING: self = .string(Array(reply.bytes))
        case REDIS_REPLY_STATUS: self = .status(String(decoding: reply.bytes, as: UTF8.self))
        case REDIS_REPLY_ERROR: self = .error(RedisReplyError(String(decoding: reply.bytes, as: UTF8.self)))
        case REDIS_REPLY_INTEGER: self = .integer(reply.integer)
        case REDIS_REPLY_ARRAY:
            let elements = UnsafeBufferPointer(start: reply.element, count: reply.elements)
            self = .array(elements.map { element in element.map { RedisValue(copying: $0.pointee) } ?? .null })
        default: self = .null
        }
    }
}

extension redisReply {
    fileprivate var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: str, count: len)
    }
}
