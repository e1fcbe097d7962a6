internal import HTTPTransport
internal import JSON
internal import KubeClient
internal import Workflows

/// What a step asks for, with its secrets resolved.
struct HTTPCall {
    /// Which part of the answer becomes the step's output.
    enum Output: String {
        case body
        case status
        case none
    }

    private(set) var request: HTTPRequest
    /// nil: the system's authorities and no client certificate.
    let tls: HTTPTransport.TLS?
    /// Of the whole exchange, redirects included.
    let timeout: Duration
    let maximumRedirects: Int
    /// Whether the body came from a Secret.
    let isBodySecret: Bool
    /// Names, in lower case, of headers whose values came from Secrets.
    let secretFields: Set<String>
    let expected: [Int64]
    let retryOn: [Int64]
    let output: Output

    /// How long a request may take unless the step says otherwise.
    static let defaultTimeout = "30s"
    /// An answer becomes part of the process's state, which is meant to stay small.
    static let defaultMaximumResponseBytes = 32 << 10
    /// Enough of an answer that is no output to tell why it is not what was expected.
    private static let excerptBytes = 1 << 10

    /// - Parameter inputs: valid under `schema`.
    init(_ inputs: JSONValue, _ context: StepContext, _ secrets: inout ResolvedSecrets) async throws {
        let body = Self.body(inputs)
        request = HTTPRequest(method: Self.method(inputs), url: inputs["url"]?.string ?? "")
        isBodySecret = SecretReference(body) != nil
        secretFields = Set(
            (inputs["headers"]?.object ?? [:]).filter { SecretReference($0.value) != nil }.map { $0.key.lowercased() }
        )
        timeout = Duration(text: inputs["timeout"]?.string ?? Self.defaultTimeout) ?? .seconds(30)
        maximumRedirects = Int(inputs["redirects"]?.int ?? 0)
        expected = inputs["expect"]?.array?.compactMap(\.int) ?? Array(200...299)
        retryOn = inputs["retryOn"]?.array?.compactMap(\.int) ?? []
        output = inputs["output"]?.string.flatMap(Output.init) ?? .body
        tls = try await Self.tls(inputs["tls"], &secrets)

        let maximum = inputs["maximumResponseBytes"]?.int.map(Int.init) ?? Self.defaultMaximumResponseBytes
        request.maximumResponseBytes = output == .body ? maximum : Self.excerptBytes
        request.excess = output == .body ? .cutsOff : .isDropped
        // The key lets the service recognise a request that reaches it twice.
        request.mayBeRepeated = true
        request.headers.set("Idempotency-Key", context.idempotencyKey)
        request.headers.set("traceparent", TraceContext.traceparent(of: context))
        if let text = try await secrets.text(body) {
            request.body = Array(text.utf8)
        } else if let body {
            request.body = body.serialized()
            request.headers.set("Content-Type", "application/json")
        }
        if let token = try await secrets.text(inputs["bearerToken"]) {
            request.headers.set("Authorization", "Bearer \(token)")
        }
        if let credentials = inputs["basicAuth"], !credentials.isNull {
            let user = try await secrets.text(credentials["username"]) ?? ""
            let password = try await secrets.text(credentials["password"]) ?? ""
            let encoded = Base64.encode(Array("\(user):\(password)".utf8))
            secrets.addDerived(encoded)
            request.headers.set("Authorization", "Basic \(encoded)")
        }
        for (name, value) in inputs["headers"]?.object ?? [:] {
            request.headers.set(name, try await secrets.text(value) ?? "")
        }
    }

    private static func tls(_ input: JSONValue?, _ secrets: inout ResolvedSecrets) async throws -> HTTPTransport.TLS? {
        guard let input, !input.isNull else { return nil }
        return HTTPTransport.TLS(
            verifiesPeer: input["insecureSkipVerify"]?.bool != true,
            certificateAuthorities: try await secrets.text(input["ca"]).map { .data(Array($0.utf8)) },
            clientCertificate: try await secrets.text(input["clientCertificate"]).map { .data(Array($0.utf8)) },
            clientKey: try await secrets.text(input["clientKey"]).map { .data(Array($0.utf8)) },
            serverName: input["serverName"]?.string
        )
    }

    private static func body(_ inputs: JSONValue) -> JSONValue? {
        inputs["body"].flatMap { $0.isNull ? nil : $0 }
    }

    private static func method(_ inputs: JSONValue) -> HTTPMethod {
        HTTPMethod(rawValue: inputs["method"]?.string ?? (body(inputs) == nil ? "GET" : "POST"))
    }

    /// A permanent failure.
    static func failure(_ summary: String, _ detail: String, hasHadEffect: Bool) -> StepError {
        var error = StepError(.permanent, summary, detail: detail)
        error.hasHadEffect = hasHadEffect
        return error
    }

    /// What would be sent, without anything that may be secret: values of headers, the body, a password in the URL.
    static func plan(_ inputs: JSONValue, _ action: String) -> JSONValue {
        let body = body(inputs)
        var names = ["idempotency-key", "traceparent"]
        names += (inputs["headers"]?.object ?? [:]).keys.map { $0.lowercased() }
        if inputs["bearerToken"] != nil || inputs["basicAuth"]?.isNull == false { names.append("authorization") }
        var plan: JSONValue = ["would": .string(action), "method": .string(method(inputs).rawValue)]
        if let reference = SecretReference(body) {
            plan["body"] = .string("\(reference)")
        } else if let body {
            if body.string == nil { names.append("content-type") }
            plan["bodyBytes"] = .int(Int64(body.string?.utf8.count ?? body.serialized().count))
        }
        let url = inputs["url"]?.string ?? ""
        plan["url"] = .string(RequestTarget(url)?.withoutUser ?? url)
        plan["headers"] = .array(Set(names).sorted().map { .string($0) })
        return plan
    }
}
