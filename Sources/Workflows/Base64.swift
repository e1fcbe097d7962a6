internal import COpenSSL

extension [UInt8] {
    /// RFC 4648, section 4, in one line. By OpenSSL, because it is used for documents of megabytes.
    package var base64: String {
        let size = (count + 2) / 3 * 4
        return String(unsafeUninitializedCapacity: size + 1) { text in
            Int(EVP_EncodeBlock(text.baseAddress, self, Int32(count)))
        }
    }

    /// The bytes that a text in base64 stands for; nil for anything else, blanks and missing padding included.
    package init?(base64 text: String) {
        let digits = [UInt8](text.utf8)
        let padding = digits.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        // OpenSSL skips blanks at the ends, and takes padding for zeros wherever it is.
        guard digits.count.isMultiple(of: 4), padding <= 2, digits.count < Int(Int32.max),
            !digits.dropLast(padding).contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "=") })
        else { return nil }
        var size: Int32 = 0
        var bytes = [UInt8](unsafeUninitializedCapacity: digits.count / 4 * 3) { buffer, count in
            size = EVP_DecodeBlock(buffer.baseAddress, digits, Int32(digits.count))
            count = Swift.max(0, Int(size))
        }
        guard size >= 0 else { return nil }
        bytes.removeLast(Swift.min(padding, bytes.count))
        self = bytes
    }
}
