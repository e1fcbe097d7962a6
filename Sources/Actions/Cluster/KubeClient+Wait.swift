internal import JSON
internal import KubeClient
internal import Workflows

extension KubeClient {
    /// Waits until an object is as somebody wants it; see `ResourceClient.wait(for:time:onFailure:until:)`.
    /// - Parameters:
    ///   - report: told what is still missing.
    ///   - judge: told the object, nil while there is none.
    @discardableResult
    func wait(
        for reference: ObjectReference,
        time: TimeSource,
        report: WaitReport,
        judge: (DynamicObject?) throws -> Verdict
    ) async throws -> DynamicObject? {
        let resources = try await reference.resources(in: self)
        let onFailure = { (error: KubeError) in report.note("\(reference): \(error)") }
        return try await resources.wait(for: reference.name, time: time, onFailure: onFailure) { object in
            switch try judge(object) {
            case .met: return true
            case .notYet(let what):
                report.note("\(reference): \(what)")
                return false
            }
        }
    }

    /// Waits until an object that is there is ready.
    /// - Parameter staleFailure: a condition that tells of a failure before the change that is waited for; as long as it
    ///   stays as it is, nothing has failed since.
    /// - Throws: a permanent `StepError` when the object has failed or is being deleted.
    @discardableResult
    func waitUntilReady(
        _ reference: ObjectReference,
        time: TimeSource,
        report: WaitReport,
        staleFailure: JSONValue? = nil
    ) async throws -> DynamicObject? {
        try await wait(for: reference, time: time, report: report) { object in
            guard let object else { throw StepError(.permanent, "Not Found", detail: "\(reference) is gone") }
            switch Readiness(of: object.content) {
            case .ready: return .met
            case .inProgress(let why): return .notYet(why)
            case .failed(let why):
                if let staleFailure, object.content.conditions.contains(staleFailure) { return .notYet(why) }
                throw StepError.failedObject(reference, why)
            case .terminating:
                throw StepError(.permanent, "Object is being deleted", detail: "\(reference) is being deleted")
            }
        }
    }
}

extension StepError {
    /// An object that does not become ready by itself.
    static func failedObject(_ reference: ObjectReference, _ why: String) -> StepError {
        StepError(.permanent, "Object failed", detail: "\(reference): \(why)")
    }
}
