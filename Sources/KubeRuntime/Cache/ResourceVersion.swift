/// The order of resource versions, where they have one.
///
/// Versions of one kind are decimal numbers without leading zeros and may be compared (Kubernetes KEP-5504). Anything
/// else is opaque: then the version that came last counts as newer.
public enum ResourceVersion {
    /// Whether `version` is later than `other`.
    public static func isNewer(_ version: String, than other: String) -> Bool {
        guard isNumber(version), isNumber(other) else { return version != other }
        return precedes(other, version)
    }

    /// Whether `version` is known to be earlier than `other`.
    static func precedes(_ version: String, _ other: String) -> Bool {
        guard isNumber(version), isNumber(other) else { return false }
        return version.utf8.count == other.utf8.count ? version < other : version.utf8.count < other.utf8.count
    }

    private static func isNumber(_ version: String) -> Bool {
        !version.isEmpty && !version.hasPrefix("0") && version.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}
