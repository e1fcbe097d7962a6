/// The world outside, on which steps have their effects.
final class EffectTarget {
    /// Where the target recognises a repetition: how often each key had an effect; 1 at most.
    private(set) var effects: [String: Int] = [:]
    /// How often each key arrived.
    private(set) var arrivals: [String: Int] = [:]

    /// A request arrives.
    /// - Returns: whether it had an effect.
    @discardableResult
    func receive(_ key: String, recognisesKeys: Bool) -> Bool {
        arrivals[key, default: 0] += 1
        if recognisesKeys, effects[key] != nil { return false }
        effects[key, default: 0] += 1
        return true
    }

    func hasEffect(_ key: String) -> Bool { effects[key] != nil }
}
