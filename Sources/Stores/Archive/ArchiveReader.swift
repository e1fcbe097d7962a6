internal import Glibc
internal import JSON
internal import Workflows

/// Reads an archive from a file, whole or not at all.
///
/// The file stays open from the check to the last pass, so that a file that is replaced meanwhile changes nothing.
final class ArchiveReader {
    /// What a sound archive holds.
    struct Contents {
        var header = ArchiveHeader()
        var counts: [RedisKeyspace.Kind: Int] = [:]
        /// What states refer to and the archive does not hold, a sentence each.
        var missingParts: [String] = []
    }

    /// A key of a sound archive.
    struct Key {
        let kind: RedisKeyspace.Kind
        let entry: ArchiveEntry
        let dump: [UInt8]
    }

    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var position = 0
    private var line = 0

    init(path: String) throws(ArchiveError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ArchiveError("cannot open \(path): \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    /// Looks at every line; throws for the first that is not as it should be. To be called first, and once.
    func check() throws(ArchiveError) -> Contents {
        guard let first = try nextLine() else { throw ArchiveError("\(path) is empty") }
        var contents = Contents()
        contents.header = try header(first)
        let keyspace = RedisKeyspace(keyPrefix: contents.header.keyPrefix, installation: contents.header.installation)
        let digest = RunningDigest()
        digest.update(first)
        var names: Set<String> = []
        var references: [(state: String, part: String)] = []
        while let bytes = try nextLine() {
            let json = try value(bytes)
            if json["sha256"] != nil {
                try check(json, count: names.count, digest.finish())
                contents.missingParts = references.filter { !names.contains($0.part) }
                    .map { "\($0.state) refers to \($0.part), which is not in the archive" }
                return contents
            }
            digest.update(bytes)
            let key = try key(json, keyspace)
            guard names.insert(key.entry.key).inserted else { throw fault("\(key.entry.key) appears twice") }
            contents.counts[key.kind, default: 0] += 1
            if let id = keyspace.processID(ofState: key.entry.key) {
                references += key.entry.parts.map {
                    (key.entry.key, keyspace.name(of: .part(processID: id, digest: $0)))
                }
            }
        }
        throw cutOff
    }

    /// Hands over the keys of some kinds, one by one, of an archive that has been checked.
    func forEach(
        of kinds: Set<RedisKeyspace.Kind>,
        _ keyspace: RedisKeyspace,
        _ body: (Key) async throws -> Void
    ) async throws {
        try rewind()
        _ = try nextLine()
        while let bytes = try nextLine() {
            let json = try value(bytes)
            if json["sha256"] != nil { return }
            guard kinds.contains(where: { $0.rawValue == json["kind"]?.string }) else { continue }
            try await body(key(json, keyspace))
        }
    }

    private func header(_ bytes: [UInt8]) throws(ArchiveError) -> ArchiveHeader {
        guard let json = try? JSONValue(parsing: bytes), json["format"]?.string == ArchiveHeader.formatName else {
            throw ArchiveError("\(path) is not an archive of state: its first line does not say so")
        }
        guard json["version"]?.int == Int64(ArchiveHeader.currentVersion) else {
            throw ArchiveError(
                "\(path) is an archive of version \(json["version"]?.description ?? "unknown"); this release reads "
                    + "version \(ArchiveHeader.currentVersion)"
            )
        }
        return try reading { () throws(JSONDecodingError) in try ArchiveHeader(json: json) }
    }

    private func check(_ json: JSONValue, count: Int, _ sha256: String) throws(ArchiveError) {
        let trailer = try reading { () throws(JSONDecodingError) in try ArchiveTrailer(json: json) }
        guard trailer.count == count else { throw fault("there are \(count) keys, expected \(trailer.count)") }
        guard trailer.sha256 == sha256 else {
            throw ArchiveError("\(path) was altered: its SHA-256 is \(sha256), expected \(trailer.sha256)")
        }
        guard try nextLine() == nil else { throw fault("something follows the end of the archive") }
    }

    private func key(_ json: JSONValue, _ keyspace: RedisKeyspace) throws(ArchiveError) -> Key {
        let entry = try reading { () throws(JSONDecodingError) in try ArchiveEntry(json: json) }
        guard let kind = keyspace.kind(of: entry.key), kind.rawValue == entry.kind else {
            throw fault("\(entry.key) is not a key that belongs into an archive of state")
        }
        guard let dump = [UInt8](base64: entry.dump), !dump.isEmpty else {
            throw fault("\(entry.key): its dump is not base64")
        }
        return Key(kind: kind, entry: entry, dump: dump)
    }

    private func value(_ bytes: [UInt8]) throws(ArchiveError) -> JSONValue {
        do { return try JSONValue(parsing: bytes) } catch { throw fault("\(error)") }
    }

    private func reading<Value>(
        _ read: () throws(JSONDecodingError) -> Value
    ) throws(ArchiveError) -> Value {
        do { return try read() } catch { throw fault("\(error)") }
    }

    private var cutOff: ArchiveError {
        ArchiveError(
            "\(path) is cut off: it ends behind line \(line), without the line that ends every archive; nothing was used"
        )
    }

    private func fault(_ text: String) -> ArchiveError { ArchiveError("\(path) line \(line): \(text)") }

    // MARK: Lines

    /// No dump is longer in base64: a client takes 64 MiB from Redis at once.
    private static let maximumLine = 128 << 20

    private func rewind() throws(ArchiveError) {
        guard lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw ArchiveError("cannot read \(path) more than once; an archive must be a file")
        }
        buffer = []
        position = 0
        line = 0
    }

    /// The next line with its newline; nil at the end.
    private func nextLine() throws(ArchiveError) -> [UInt8]? {
        var searched = position
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { position = end + 1 }
                line += 1
                return Array(buffer[position...end])
            }
            buffer.removeFirst(position)
            position = 0
            searched = buffer.count
            guard buffer.count < Self.maximumLine else { throw fault("the next line is longer than any may be") }
            let chunk = try read()
            if chunk.isEmpty {
                guard buffer.isEmpty else { throw cutOff }
                return nil
            }
            buffer += chunk
        }
    }

    private func read() throws(ArchiveError) -> [UInt8] {
        while true {
            var code: Int32 = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 20) { bytes, count in
                let result = Glibc.read(descriptor, bytes.baseAddress, bytes.count)
                code = result < 0 ? errno : 0
                count = max(0, result)
            }
            if code == 0 { return chunk }
            guard code == EINTR else { throw ArchiveError("cannot read \(path): \(String(cString: strerror(code)))") }
        }
    }
}
