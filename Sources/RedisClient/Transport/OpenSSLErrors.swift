internal import COpenSSL

/// OpenSSL's queue of errors, which is per thread.
enum OpenSSLErrors {
    /// Takes all entries out, oldest first, as one line. Empty if there are none.
    static func drain() -> String {
        var entries: [String] = []
        while true {
            var data: UnsafePointer<CChar>?
            var flags: Int32 = 0
            let code = ERR_get_error_all(nil, nil, nil, &data, &flags)
            if code == 0 { break }
            // 256 is what ERR_error_string(3) asks for at least.
            var entry = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
                ERR_error_string_n(code, buffer.baseAddress, buffer.count)
                return buffer.baseAddress.map { String(cString: $0) } ?? "error \(code)"
            }
            if let data, flags & Int32(ERR_TXT_STRING) != 0 {
                let text = String(cString: data)
                if !text.isEmpty { entry += ": \(text)" }
            }
            entries.append(entry)
        }
        return entries.joined(separator: "; ")
    }
}
