internal import CZlib

/// Compressed bytes as `gzip` writes them, so that `gunzip` reads them. Equal bytes are compressed equally.
enum Gzip {
    /// Why bytes cannot be decompressed.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// What compressed bytes begin with; no JSON text does.
    static func isCompressed(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

    static func compress(_ bytes: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        // Both fail only for want of memory, and for arguments that are never passed.
        precondition(czlib_deflate_init(&stream) == Z_OK, "zlib cannot begin to compress")
        defer { deflateEnd(&stream) }
        var input = bytes
        return [UInt8](unsafeUninitializedCapacity: Int(deflateBound(&stream, UInt(bytes.count)))) { output, count in
            let result = input.withUnsafeMutableBufferPointer { input in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                return deflate(&stream, Z_FINISH)
            }
            precondition(result == Z_STREAM_END, "zlib needs more room than it has asked for")
            count = Int(stream.total_out)
        }
    }

    /// - Parameter limit: no more bytes than this come out, however few go in.
    static func decompress(_ bytes: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
        var stream = z_stream()
        guard czlib_inflate_init(&stream) == Z_OK else { throw Failure(description: "there is no memory left") }
        defer { inflateEnd(&stream) }
        var input = bytes
        var result = Z_OK
        // Grown as it is filled, so that a lie about the size costs no memory.
        var output: [UInt8] = []
        input.withUnsafeMutableBufferPointer { input in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            while result == Z_OK, output.count <= limit {
                let room = min(max(bytes.count * 4, 16 << 10), limit - output.count + 1)
                output += [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                    stream.next_out = buffer.baseAddress
                    stream.avail_out = UInt32(buffer.count)
                    result = inflate(&stream, Z_NO_FLUSH)
                    count = buffer.count - Int(stream.avail_out)
                }
            }
        }
        guard output.count <= limit else { throw Failure(description: "holds more than the \(limit) bytes it may") }
        switch result {
        case Z_STREAM_END where stream.avail_in == 0: return output
        case Z_STREAM_END: throw Failure(description: "goes on after its end")
        case Z_BUF_ERROR, Z_OK: throw Failure(description: "ends too early")
        default: throw Failure(description: "is not what gzip writes")
        }
    }
}
