internal import Glibc
internal import Workflows

/// Kills this process at a named instant, so that tests can prove what survives.
///
/// `HONUA_FAIL_POINT=after-effect:deploy` sends SIGKILL to the process when the action of step `deploy` has had its
/// effect and nothing is recorded about it yet. Not set in production.
enum ArmedFailPoint {
    static let variable = "HONUA_FAIL_POINT"

    struct Invalid: Error, CustomStringConvertible {
        let text: String
        var description: String {
            let known = FailPoint.allCases.map(\.rawValue).joined(separator: ", ")
            return "Invalid configuration: \(variable) is \"\(text)\", expected POINT:STEP with POINT one of \(known)"
        }
    }

    /// Nil when none is armed.
    static func handler(environment: [String: String]) throws(Invalid) -> FailPointHandler? {
        guard let text = environment[variable], !text.isEmpty else { return nil }
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2, let armed = FailPoint(rawValue: parts[0]) else { throw Invalid(text: text) }
        let armedStep = parts[1]
        return { point, step in
            guard point == armed, step == armedStep else { return }
            kill(getpid(), SIGKILL)
        }
    }
}
