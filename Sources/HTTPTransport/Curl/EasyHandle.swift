internal import CCurl

/// The owner of a `CURL`: one transfer at a time, used again for others. Not thread-safe; lives on the event loop.
final class EasyHandle {
    let raw: UnsafeMutableRawPointer

    /// libcurl writes here while the handle has a transfer, so it lives as long as the handle.
    private let errorBuffer: UnsafeMutablePointer<CChar>
    /// Of these lists libcurl keeps the pointer without a copy. Freed on `reset` and in `deinit`.
    private var lists: [UnsafeMutablePointer<curl_slist>] = []

    /// nil when memory is short.
    init?() {
        guard let raw = curl_easy_init() else { return nil }
        self.raw = raw
        errorBuffer = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorBuffer.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        curl_easy_cleanup(raw)
        freeLists()
        errorBuffer.deallocate()
    }

    /// Forgets all options but keeps what is costly to make. Only when no transfer is going on.
    func reset() {
        curl_easy_reset(raw)
        freeLists()
        errorBuffer.pointee = 0
    }

    private func freeLists() {
        lists.forEach(curl_slist_free_all)
        lists.removeAll(keepingCapacity: true)
    }

    // MARK: Options, by the type that curl documents for them

    func set(_ option: CURLoption, _ value: Int) throws(CurlFailure) {
        try ccurl_setopt_long(raw, option, value).check()
    }

    func set(_ option: CURLoption, _ value: Bool) throws(CurlFailure) {
        try ccurl_setopt_long(raw, option, value ? 1 : 0).check()
    }

    /// nil takes the default away where there is one, such as the system's certificates.
    func set(_ option: CURLoption, _ value: String?) throws(CurlFailure) {
        try ccurl_setopt_string(raw, option, value).check()
    }

    /// Options of which curl keeps the pointer.
    func set(_ option: CURLoption, pointer value: UnsafeMutableRawPointer?) throws(CurlFailure) {
        try ccurl_setopt_pointer(raw, option, value).check()
    }

    func setErrorBuffer() throws(CurlFailure) {
        try ccurl_setopt_pointer(raw, CURLOPT_ERRORBUFFER, errorBuffer).check()
    }

    /// Options that take a list of lines. At most once between resets for each option.
    func set(_ option: CURLoption, lines: [String]) throws(CurlFailure) {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines {
            guard let longer = curl_slist_append(list, line) else {
                curl_slist_free_all(list)
                throw CurlFailure(code: CURLE_OUT_OF_MEMORY)
            }
            list = longer
        }
        guard let list else { return }
        lists.append(list)
        try ccurl_setopt_list(raw, option, list).check()
    }

    /// A request body; curl copies it.
    func setBody(_ bytes: [UInt8]) throws(CurlFailure) {
        try ccurl_setopt_offset(raw, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count)).check()
        let status = bytes.withUnsafeBytes { bytes in
            // An empty array may have no address, and NULL would make curl ask a callback for the body.
            guard let address = bytes.baseAddress, !bytes.isEmpty else {
                return ccurl_setopt_string(raw, CURLOPT_COPYPOSTFIELDS, "")
            }
            // curl only reads it, but its options are `void *`.
            return ccurl_setopt_pointer(raw, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: address))
        }
        try status.check()
    }

    // MARK: What is known of the transfer

    func info(_ info: CURLINFO) -> Int {
        var value = 0
        ccurl_getinfo_long(raw, info, &value)
        return value
    }

    func offset(_ info: CURLINFO) -> Int64 {
        var value: curl_off_t = 0
        ccurl_getinfo_offset(raw, info, &value)
        return Int64(value)
    }

    /// libcurl's account of a failure: its own sentence if it left one, else its words for the code.
    func message(for code: CURLcode) -> String {
        let general = String(cString: curl_easy_strerror(code))
        let particular = String(cString: errorBuffer)
        return particular.isEmpty ? general : "\(general): \(particular)"
    }

    /// Lets a paused transfer receive again. Calls back at once with bytes curl has held back.
    func unpause() -> CURLcode {
        curl_easy_pause(raw, CURLPAUSE_CONT)
    }
}
