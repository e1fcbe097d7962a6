internal import Glibc

/// How far a time zone is from UTC, at any point in time.
struct TimeZone: Sendable {
    private enum Rules: Sendable {
        case fixed(Int64)
        case transitions(times: [Int64], offsets: [Int64], first: Int64, later: LaterRule?)
    }
    private let rules: Rules

    /// `+01:00`, `-02:30`, `02:00`, `UTC`, or a name of the system's time zone database such as `Europe/Berlin`.
    init(_ name: String) throws(CELError) {
        if name == "UTC" || name.isEmpty {
            rules = .fixed(0)
        } else if let offset = Self.offset(name) {
            rules = .fixed(offset)
        } else if let file = Self.file(name), let rules = Self.rules(file) {
            self.rules = rules
        } else {
            throw CELError("there is no time zone \(Value.string(name).summary) on this system")
        }
    }

    /// Seconds east of UTC.
    func offset(at seconds: Int64) -> Int64 {
        switch rules {
        case .fixed(let offset): return offset
        case .transitions(let times, let offsets, let first, let later):
            guard let last = times.last, seconds >= times[0] else {
                return times.isEmpty ? later?.offset(at: seconds) ?? first : first
            }
            if seconds >= last, let later { return later.offset(at: seconds) }
            // The last transition that is not after the time.
            var low = 0
            var high = times.count
            while high - low > 1 {
                let middle = (low + high) / 2
                if times[middle] <= seconds { low = middle } else { high = middle }
            }
            return offsets[low]
        }
    }

    private static func offset(_ text: String) -> Int64? {
        var rest = text.utf8[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        let parts = rest.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ (1...2).contains($0.count) && $0.allSatisfy(\.isDigit) }),
            let hours = Int64(Substring(parts[0])), let minutes = Int64(Substring(parts[1])), hours < 24, minutes < 60
        else { return nil }
        return (hours * 3600 + minutes * 60) * (isNegative ? -1 : 1)
    }

    // MARK: The system's database

    /// The bytes of a file of the database. No name leads out of its folder.
    private static func file(_ name: String) -> [UInt8]? {
        let isPlain = name.utf8.allSatisfy { $0.isLetter || $0.isDigit || "/+-".utf8.contains($0) }
        guard isPlain, !name.hasPrefix("/"), name.utf8.count < 64,
            let file = fopen("/usr/share/zoneinfo/\(name)", "rb")
        else { return nil }
        defer { fclose(file) }
        // The longest has a few kilobytes.
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes.prefix(count))
    }

    /// Reads TZif (RFC 8536), version 2 and later, whose second part has times of 64 bits.
    private static func rules(_ bytes: [UInt8]) -> Rules? {
        var reader = ZoneFileReader(bytes: bytes)
        guard let old = reader.header(), old.version >= 2 else { return nil }
        reader.skip(old.size(timeSize: 4))
        guard let header = reader.header() else { return nil }
        var times: [Int64] = []
        for _ in 0..<header.timeCount { times.append(reader.integer(8)) }
        var kinds: [Int] = []
        for _ in 0..<header.timeCount { kinds.append(Int(reader.integer(1) & 0xFF)) }
        var offsets: [Int64] = []
        for _ in 0..<header.typeCount {
            offsets.append(reader.integer(4))
            reader.skip(2)
        }
        reader.skip(header.nameSize + header.leapCount * 12 + header.standardCount + header.utcCount)
        guard !reader.failed, let first = offsets.first, kinds.allSatisfy({ $0 < offsets.count }) else { return nil }
        return .transitions(
            times: times,
            offsets: kinds.map { offsets[$0] },
            first: first,
            later: LaterRule(reader.line())
        )
    }
}

private struct ZoneFileReader {
    struct Header {
        let version: Int
        let utcCount: Int
        let standardCount: Int
        let leapCount: Int
        let timeCount: Int
        let typeCount: Int
        let nameSize: Int

        func size(timeSize: Int) -> Int {
            timeCount * (timeSize + 1) + typeCount * 6 + nameSize + leapCount * (timeSize + 4) + standardCount
                + utcCount
        }
    }

    let bytes: [UInt8]
    private var position = 0
    private(set) var failed = false

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func skip(_ count: Int) {
        position += count
        if position > bytes.count { failed = true }
    }

    /// A signed big-endian integer.
    mutating func integer(_ size: Int) -> Int64 {
        guard position + size <= bytes.count else {
            failed = true
            return 0
        }
        let unsigned = bytes[position..<position + size].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        position += size
        return Int64(bitPattern: unsigned << (64 - 8 * size)) >> (64 - 8 * size)
    }

    mutating func header() -> Header? {
        guard bytes.dropFirst(position).starts(with: "TZif".utf8) else { return nil }
        skip(4)
        let version = Int(integer(1)) - 0x30
        skip(15)
        let counts = (0..<6).map { _ in Int(integer(4)) }
        // Real files are far below; a broken one must not make us reserve memory.
        guard !failed, counts.allSatisfy({ (0...10_000).contains($0) }) else { return nil }
        return Header(
            version: version,
            utcCount: counts[0],
            standardCount: counts[1],
            leapCount: counts[2],
            timeCount: counts[3],
            typeCount: counts[4],
            nameSize: counts[5]
        )
    }

    /// The rule between two line feeds at the end.
    func line() -> String {
        let rest = bytes.dropFirst(position).drop { $0 == 0x0A }
        return String(decoding: rest.prefix { $0 != 0x0A }, as: UTF8.self)
    }
}
