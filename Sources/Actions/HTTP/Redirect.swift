internal import HTTPTransport
internal import Workflows

/// The request that follows on a redirect.
struct Redirect {
    private(set) var request: HTTPRequest
    /// Whether it goes to another scheme, host or port than the last one.
    let leavesOrigin: Bool

    /// What goes to another origin as well: nothing that could be a credential, whatever the step calls it.
    private static let harmlessFields: Set = [
        "accept", "accept-language", "content-type", "idempotency-key", "traceparent", "tracestate", "user-agent",
    ]

    /// nil when the response is an answer: it is no redirect, says not where to, or would have `POST` or `PATCH`
    /// repeated by a 301 or 302, which browsers turn into `GET` and others do not.
    /// - Throws: when it leads nowhere, from `https` to `http`, or would carry a secret body to another origin.
    init?(of request: HTTPRequest, by response: HTTPResponse, in call: HTTPCall) throws(StepError) {
        guard let location = response.headers["Location"], let from = RequestTarget(request.url) else { return nil }
        switch response.status {
        case 301, 302: guard request.method != .post, request.method != .patch else { return nil }
        case 303, 307, 308: break
        default: return nil
        }
        func refused(_ reason: String) -> StepError {
            // By 303 a service says that it has done what it was asked for.
            let hasHadEffect = response.status == 303 && !request.method.isSafe
            let detail = "\(request.method) \(from.redacted) is redirected to \(reason)"
            return HTTPCall.failure("Redirect refused", detail, hasHadEffect: hasHadEffect)
        }
        guard let url = from.url(of: location), let to = RequestTarget(url) else {
            throw refused("what is no http:// or https:// URL")
        }
        guard to.isTLS || !from.isTLS else {
            throw refused("\(to.redacted), which is not encrypted")
        }
        leavesOrigin = to.origin != from.origin
        self.request = request
        self.request.url = url
        if response.status == 303 {
            if request.method != .head { self.request.method = .get }
            self.request.body = nil
            self.request.headers = HTTPHeaders(request.headers.filter { $0.name.lowercased() != "content-type" })
        }
        guard leavesOrigin else { return }
        guard !call.isBodySecret || self.request.body == nil else {
            throw refused("\(to.redacted), and its body is a secret")
        }
        let harmless = Self.harmlessFields.subtracting(call.secretFields)
        self.request.headers = HTTPHeaders(self.request.headers.filter { harmless.contains($0.name.lowercased()) })
    }
}

extension RequestTarget {
    /// The URL without user and password.
    var withoutUser: String { "\(isTLS ? "https" : "http")://\(host)\(port)\(rest)" }

    /// What a reference means here (RFC 3986, section 5.2); dots in its path are left to the transport. nil when it is
    /// for another scheme than `http` and `https`.
    func url(of reference: String) -> String? {
        let base = "\(isTLS ? "https" : "http")://\(userInfo)\(host)\(port)"
        if reference.hasPrefix("//") { return (isTLS ? "https:" : "http:") + reference }
        if reference.hasPrefix("/") { return base + reference }
        let head = reference.prefix { !"/?#".contains($0) }
        if head.contains(":") {
            let scheme = head.prefix { $0 != ":" }.lowercased()
            return scheme == "http" || scheme == "https" ? reference : nil
        }
        let path = rest.prefix { $0 != "?" && $0 != "#" }
        if reference.hasPrefix("?") { return base + path + reference }
        if reference.isEmpty || reference.hasPrefix("#") { return base + rest }
        return base + (path.lastIndex(of: "/").map { String(path[...$0]) } ?? "/") + reference
    }
}
