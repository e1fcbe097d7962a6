internal import CCurl

/// A code libcurl returned where it should have returned `CURLE_OK`.
struct CurlFailure: Error {
    let code: CURLcode

    /// libcurl's words for the code.
    var message: String {
        String(cString: curl_easy_strerror(code))
    }
}

extension CURLcode {
    /// Throws unless the call succeeded.
    func check() throws(CurlFailure) {
        guard self == CURLE_OK else { throw CurlFailure(code: self) }
    }
}
