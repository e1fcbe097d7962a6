internal import JSON
internal import KubeClient
internal import Workflows

/// The secrets that one attempt of a step has read.
///
/// Whatever leaves the action (outputs, errors, logs) passes through one of the `redacted` functions first, which put
/// `***` in place of every value.
struct ResolvedSecrets: Sendable {
    private let access: ClusterAccess
    private let context: StepContext
    private var secrets: [String: DynamicObject] = [:]
    private var redaction = Redaction()

    /// None yet.
    init(_ access: ClusterAccess, _ context: StepContext) {
        self.access = access
        self.context = context
    }

    /// The text that an input is or refers to; nil when the input is neither.
    /// - Throws: `StepError` that names Secret and key, and never a value. A Secret or key that is missing is
    ///   permanent.
    mutating func text(_ input: JSONValue?) async throws -> String? {
        guard let reference = SecretReference(input) else { return input?.string }
        let text = try await value(of: reference)
        redaction.add(text)
        return text
    }

    /// Has a text treated like a secret that was made from one, such as its encoding.
    mutating func addDerived(_ text: String) { redaction.add(text) }

    private mutating func value(of reference: SecretReference) async throws -> String {
        let namespace = context.objectNamespace
        let place = "\(reference) in namespace \"\(namespace)\""
        let secret = try await secret(reference, place)
        guard let encoded = secret.content[path: "data", reference.key]?.string else {
            let keys = (secret.content["data"]?.object ?? [:]).keys.sorted().joined(separator: ", ")
            throw Self.failure("the step needs \(place); the Secret has \(keys.isEmpty ? "no keys" : "only \(keys)")")
        }
        guard let bytes = Base64.decode(encoded), let text = String(validating: bytes, as: UTF8.self) else {
            throw Self.failure("the step needs \(place) as text, and it is no UTF-8")
        }
        return text
    }

    private mutating func secret(_ reference: SecretReference, _ place: String) async throws -> DynamicObject {
        if let known = secrets[reference.name] { return known }
        let namespace = context.objectNamespace
        let found = try await access.perform(for: context) { client -> DynamicObject? in
            do {
                return try await client.resources(Self.api, namespace: namespace).get(reference.name)
            } catch let error as KubeError where error.code == .notFound {
                return nil
            } catch let error as KubeError where error.code == .unreadable {
                // What cannot be read must not be quoted either.
                throw StepError(
                    .transient,
                    "Secret not available",
                    detail: "\(error.operation) failed: the answer cannot be read"
                )
            }
        }
        guard let found else { throw Self.failure("the step needs \(place), and there is no such Secret") }
        secrets[reference.name] = found
        return found
    }

    private static let api = APIResource(version: "v1", kind: "Secret", plural: "secrets")

    private static func failure(_ detail: String) -> StepError {
        StepError(.permanent, "Secret not available", detail: detail)
    }

    // MARK: Redaction

    /// The text with `***` in place of every secret.
    /// - Parameter isTruncated: the text was cut, so that it may end within a secret.
    func redacted(_ text: String, isTruncated: Bool = false) -> String {
        redaction.apply(text, isTruncated: isTruncated)
    }

    /// The value with `***` in place of every secret, in names of members too.
    func redacted(_ value: JSONValue) -> JSONValue { redaction.apply(value) }

    /// The error with `***` in place of every secret.
    func redacted(_ error: StepError) -> StepError {
        var result = StepError(
            error.errorClass,
            redacted(error.summary),
            detail: error.detail.map { redacted($0) },
            retryAfter: error.retryAfter
        )
        result.hasHadEffect = error.hasHadEffect
        return result
    }
}
