internal import JSON
internal import KubeClient

/// Something that happened to an object, as it was recorded.
struct RecordedEvent: Sendable {
    let object: EventObject
    let severity: EventRecorder.Severity
    let reason: String
    var message: String
    var action: String?
    var related: EventObject?
    let time: Timestamp
}

/// One Event on the API server: its name, and what it shall say.
struct EventSeries: Sendable, Equatable {
    /// Unique in the namespace.
    let name: String
    /// How often it happened.
    var count: Int
    let first: Timestamp
    var last: Timestamp
    var message: String
}

extension EventSeries {
    /// In bytes of UTF-8 (`NoteLengthLimit` in `pkg/apis/core/validation/events.go`).
    static let messageLimit = 1024

    /// A name for an event about an object: the object's own and a random suffix, 253 characters at most (RFC 1123
    /// subdomains). Of an object's name that cannot be part of an event's, such as `system:node`, only `event` is left.
    static func name(for object: EventObject, suffix: UInt64 = .random(in: .min ... .max)) -> String {
        let suffix = String(suffix, radix: 16)
        var base = object.key.name.utf8.prefix(252 - suffix.count)
        while let last = base.last, !isAlphanumeric(last) { base.removeLast() }
        let labels = base.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isValid = labels.allSatisfy { label in
            label.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
                && (label.first.map(isAlphanumeric) ?? false) && (label.last.map(isAlphanumeric) ?? false)
        }
        return "\(isValid ? String(decoding: base, as: UTF8.self) : "event").\(suffix)"
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// The beginning of a message that fits, cut between characters.
    static func limited(_ message: String) -> String {
        guard message.utf8.count > messageLimit else { return message }
        var start = message.prefix(messageLimit)
        while start.utf8.count > messageLimit { start.removeLast() }
        return String(start)
    }
}
