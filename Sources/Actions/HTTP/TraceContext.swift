internal import Workflows

/// The W3C trace context of a step's requests (Trace Context, level 1), made from what the step is rather than by
/// chance: a restart, and another operator, go on in the same trace.
enum TraceContext {
    /// `00-<trace>-<span>-01`: the trace is the process, the span an attempt of the step, and it is sampled.
    static func traceparent(of context: StepContext) -> String {
        let trace = Digest.sha256(Array("trace of process \(context.processID)".utf8)).prefix(32)
        let span = Digest.sha256(Array("span of \(context.idempotencyKey), \(context.attempt)".utf8)).prefix(16)
        return "00-\(trace)-\(span)-01"
    }
}
