import HTTPTransport
import Testing

/// The error the body throws; an issue when it throws none.
func transferError<Value>(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws(TransferError) -> Value
) async -> TransferError? {
    do throws(TransferError) {
        _ = try await body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return nil
    } catch {
        return error
    }
}

/// What the body returns; nil when it fails because of silence.
func unlessIdle<Value>(_ body: () async throws(TransferError) -> Value) async throws(TransferError) -> Value? {
    do throws(TransferError) {
        return try await body()
    } catch {
        guard error.code == .idle else { throw error }
        return nil
    }
}
