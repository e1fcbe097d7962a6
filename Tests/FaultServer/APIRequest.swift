package import JSON
import ScriptedServers

/// A request as the server saw it.
package struct APIRequest: Sendable {
    /// Counts up from 0, in the order in which requests came.
    package let number: Int
    /// When it had come.
    package let time = ContinuousClock.now
    /// Which connection it came on; 0 is the first the server accepted.
    package let connection: Int
    package let method: String
    /// Without the query, decoded.
    package let path: String
    /// Decoded; of parameters with the same name the last one.
    package let query: [String: String]
    package let body: [UInt8]
    /// The common name of the client's certificate, if it has shown one.
    package let clientName: String?
    let target: Target?
    private let received: ReceivedRequest

    init(_ received: ReceivedRequest, number: Int, connection: ServerConnection, kinds: [ServedKind]) {
        self.number = number
        self.connection = connection.index
        self.received = received
        body = received.body
        clientName = (connection.channel as? TLSChannel)?.clientName
        let words = received.line.split(separator: " ")
        method = words.first.map(String.init) ?? ""
        let location = (words.dropFirst().first ?? "").split(separator: "?", maxSplits: 1)
        path = Self.decoded(location.first ?? "")
        var query: [String: String] = [:]
        for item in (location.dropFirst().first ?? "").split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[Self.decoded(parts[0])] = Self.decoded(parts.dropFirst().first ?? "")
        }
        self.query = query
        target = Target(path: path, among: kinds)
    }

    /// A header field, by its name in any case.
    package func field(_ name: String) -> String? { received.value(of: name) }

    package var isWatch: Bool {
        method == "GET" && target != nil && target?.name == nil && ["1", "true"].contains(query["watch"])
    }

    package var isList: Bool { method == "GET" && target != nil && target?.name == nil && !isWatch }

    /// Of the body; nil when it is not JSON.
    package var document: JSONValue? { try? JSONValue(parsing: body) }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Which requests are meant.
package struct RequestPattern: Sendable {
    let matches: @Sendable (APIRequest) -> Bool

    package init(_ matches: @escaping @Sendable (APIRequest) -> Bool) { self.matches = matches }

    package static let any = RequestPattern { _ in true }
    /// Every page of every list.
    package static let lists = RequestPattern { $0.isList }
    /// The first page of every list.
    package static let firstPages = RequestPattern { $0.isList && $0.query["continue"] == nil }
    package static let laterPages = RequestPattern { $0.isList && $0.query["continue"] != nil }
    /// Streamed lists among them.
    package static let watches = RequestPattern { $0.isWatch }
    /// Watches that ask for the state before its changes.
    package static let streamedLists = RequestPattern { $0.isWatch && $0.query["sendInitialEvents"] == "true" }
    /// Watches that ask for changes only.
    package static let plainWatches = RequestPattern { $0.isWatch && $0.query["sendInitialEvents"] != "true" }
    /// Requests that bring the whole state: first pages and streamed lists.
    package static let relists = RequestPattern { firstPages.matches($0) || streamedLists.matches($0) }

    package static func method(_ method: String) -> RequestPattern { RequestPattern { $0.method == method } }
}
