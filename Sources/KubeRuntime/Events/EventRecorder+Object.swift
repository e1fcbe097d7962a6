public import KubeClient

extension EventRecorder {
    /// Records that something happened to an object of a kind known at compile time. Returns at once.
    /// - Parameters:
    ///   - reason: one CamelCase word for machines.
    ///   - message: a sentence for people.
    public func record(_ severity: Severity, _ reason: String, _ message: String, about object: some KubeResource) {
        record(severity, reason, message, about: object.metadata, of: type(of: object).api)
    }
}
