internal import Logging

extension LogHandler {
    /// The metadata of a line: the handler's, then the provider's, then the line's own; of equal keys the later one stays.
    func fields(of event: LogEvent) -> Logger.Metadata {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
        if let own = event.metadata { fields.merge(own) { $1 } }
        return fields
    }
}
