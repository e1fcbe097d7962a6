/// One word of a command: text as UTF-8, any bytes, or a number in decimal.
public struct RedisArgument: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    CustomStringConvertible
{
    enum Storage: Sendable, Hashable {
        case text(String)
        case bytes([UInt8])
    }

    let storage: Storage

    /// Text, sent as UTF-8.
    public init(_ text: String) {
        storage = .text(text)
    }

    /// Bytes, sent as they are.
    public init(_ bytes: [UInt8]) {
        storage = .bytes(bytes)
    }

    /// A number, sent in decimal.
    public init(_ number: some BinaryInteger) {
        storage = .text(String(number))
    }

    /// Text, sent as UTF-8.
    public init(stringLiteral value: String) {
        self.init(value)
    }

    /// A number, sent in decimal.
    public init(integerLiteral value: Int64) {
        self.init(value)
    }

    /// The length only, because arguments hold documents and secrets.
    public var description: String { "\(byteCount) bytes" }

    var byteCount: Int {
        switch storage {
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        }
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        switch storage {
        case .text(var text): text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
        case .bytes(let bytes): bytes.withUnsafeBytes(body)
        }
    }
}
