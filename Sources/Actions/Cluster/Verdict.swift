/// What a look at an object tells someone who waits for something.
enum Verdict: Sendable, Hashable {
    /// It is as wanted.
    case met
    /// It is not yet; what is still missing, as people read it.
    case notYet(String)
}
