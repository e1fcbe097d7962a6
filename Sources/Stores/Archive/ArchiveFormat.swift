public import JSON

/// The first line of an archive.
///
/// # The format
/// Lines of JSON: this one, one `ArchiveEntry` for each key, and an `ArchiveTrailer`. An archive without its trailer is
/// an archive cut off, and nothing of it is used.
public struct ArchiveHeader: Described, Hashable {
    /// The name of the format.
    public static let formatName = "honua-state-archive"
    /// The version of the format that is written, and the latest that is read.
    public static let currentVersion = 1

    /// What kind of file it is.
    public var format = ArchiveHeader.formatName
    /// Of the format.
    public var version = ArchiveHeader.currentVersion
    /// When the archive was begun.
    public var created = Timestamp(seconds: 0)
    /// The server it was made from: one of an earlier version may not understand its keys.
    public var redisVersion = ""
    /// What keys of states begin with.
    public var keyPrefix = ""
    /// Whose auxiliary keys there are.
    public var installation = ""

    /// An empty one.
    public init() {}

    public static let about = "The first line of an archive of state."
    public static let fields: [Field<ArchiveHeader>] = [
        Field("format", \.format, "The name of the format.", isRequired: true),
        Field("version", \.version, "The version of the format.", isRequired: true),
        Field("created", \.created, "When the archive was begun.", isRequired: true),
        Field("redisVersion", \.redisVersion, "Of the server it was made from."),
        Field("keyPrefix", \.keyPrefix, "What keys of states begin with.", isRequired: true),
        Field("installation", \.installation, "Whose auxiliary keys there are.", isRequired: true),
    ]
}

/// One key of an archive.
struct ArchiveEntry: Described, Hashable {
    var key = ""
    /// A `RedisKeyspace.Kind`.
    var kind = ""
    /// As Redis names it.
    var type = ""
    /// What `DUMP` has answered, in base64.
    var dump = ""
    /// What was left of its time to live, in milliseconds; -1 for a key without one.
    var timeToLive = -1
    /// When it was read.
    var time = Timestamp(seconds: 0)
    /// Of a state that can be read: tells it from a newer one.
    var epoch: Int?
    var version: Int?
    /// The digests of the parts that a state refers to.
    var parts: [String] = []

    init() {}

    static let about = "One key of an archive of state."
    static let fields: [Field<ArchiveEntry>] = [
        Field("key", \.key, "Its name.", isRequired: true) { $0.minLength = 1 },
        Field("kind", \.kind, "What it is to the product.", isRequired: true),
        Field("type", \.type, "What it is to Redis.", isRequired: true),
        Field("dump", \.dump, "What DUMP has answered, in base64.", isRequired: true) { $0.minLength = 1 },
        Field("pttl", \.timeToLive, "What was left of its time to live, in milliseconds.", isRequired: true) {
            $0.minimum = -1
        },
        Field("time", \.time, "When it was read.", isRequired: true),
        Field("epoch", \.epoch, "Of a state."),
        Field("version", \.version, "Of a state."),
        Field("parts", \.parts, "What a state refers to, by digest."),
    ]
}

/// The last line of an archive.
struct ArchiveTrailer: Described, Hashable {
    /// How many keys there are.
    var count = 0
    /// Of all bytes before this line.
    var sha256 = ""

    init() {}

    static let about = "The last line of an archive of state."
    static let fields: [Field<ArchiveTrailer>] = [
        Field("count", \.count, "How many keys there are.", isRequired: true),
        Field("sha256", \.sha256, "Of all bytes before this line.", isRequired: true),
    ]
}
