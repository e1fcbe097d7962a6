internal import CCurl

/// Bytes at a fixed address that libcurl refers to without copying them for each request.
final class PEMBlob {
    private let bytes: UnsafeMutableRawBufferPointer

    init(_ contents: [UInt8]) {
        bytes = .allocate(byteCount: contents.count, alignment: 1)
        bytes.copyBytes(from: contents)
    }

    deinit {
        bytes.deallocate()
    }

    /// Sets an option of type blob. The handle must be reset or gone before this object is.
    func set(_ option: CURLoption, on easy: EasyHandle) throws(CurlFailure) {
        var blob = curl_blob(data: bytes.baseAddress, len: bytes.count, flags: UInt32(CURL_BLOB_NOCOPY))
        try ccurl_setopt_blob(easy.raw, option, &blob).check()
    }
}
