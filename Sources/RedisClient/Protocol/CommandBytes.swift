internal import CHiredis

/// A command in the bytes that go over the wire, formatted by hiredis.
///
/// Sendable although it holds a pointer: the memory is written before `init` returns, only read afterwards, and freed
/// by `deinit`, when nobody else can have a reference.
final class CommandBytes: @unchecked Sendable {
    private let start: UnsafeMutablePointer<CChar>
    /// In bytes.
    let count: Int

    /// Redis takes no argument beyond 512 MiB (`proto-max-bulk-len`), and hiredis 0.14 counts in an `int`.
    static let maximumCount = 512 << 20

    init(_ arguments: [RedisArgument]) throws(RedisError) {
        let payload = arguments.reduce(0) { $0 + $1.byteCount }
        guard !arguments.isEmpty else { throw .refused(command: "(none)", reason: "a command needs a name.") }
        guard payload + 32 * arguments.count <= Self.maximumCount else {
            throw .refused(
                command: CommandName(arguments[0]).text,
                reason: "it has \(payload) bytes in \(arguments.count) arguments, of \(Self.maximumCount) at most."
            )
        }
        var formatted: UnsafeMutablePointer<CChar>?
        count = Self.format(arguments, payload: payload, into: &formatted)
        guard let formatted, count > 0 else {
            throw .refused(command: CommandName(arguments[0]).text, reason: "there is no memory for \(payload) bytes.")
        }
        start = formatted
    }

    deinit {
        redisFreeCommand(start)
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// The arguments must all stay in place while hiredis runs, so they are laid side by side first.
    private static func format(
        _ arguments: [RedisArgument],
        payload: Int,
        into formatted: inout UnsafeMutablePointer<CChar>?
    ) -> Int {
        withUnsafeTemporaryAllocation(byteCount: max(payload, 1), alignment: 1) { scratch in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: arguments.count) { starts in
                withUnsafeTemporaryAllocation(of: Int.self, capacity: arguments.count) { lengths in
                    var offset = 0
                    for (index, argument) in arguments.enumerated() {
                        let length = argument.withBytes { bytes in
                            UnsafeMutableRawBufferPointer(rebasing: scratch[offset...]).copyMemory(from: bytes)
                            return bytes.count
                        }
                        let start = scratch.baseAddress?.advanced(by: offset).assumingMemoryBound(to: CChar.self)
                        starts.initializeElement(at: index, to: UnsafePointer(start))
                        lengths.initializeElement(at: index, to: length)
                        offset += length
                    }
                    let count = redisFormatCommandArgv(
                        &formatted,
                        Int32(arguments.count),
                        starts.baseAddress,
                        lengths.baseAddress
                    )
                    return Int(count)
                }
            }
        }
    }
}
