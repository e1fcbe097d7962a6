import Foundation

/// A running `honua operator`.
public struct OperatorProcess: Sendable {
    /// The program; its log lines are JSON.
    public let child: ChildProcess

    /// Starts an operator for one namespace and waits until it follows it.
    /// - Parameters:
    ///   - redis: a connection string; state is kept in memory when nil.
    ///   - failPoint: as `HONUA_FAIL_POINT`.
    public static func start(
        kubeconfig: String,
        namespace: String,
        redis: String? = nil,
        failPoint: String? = nil,
        environment: [String: String] = [:]
    ) async throws -> OperatorProcess {
        let process = try launch(
            kubeconfig: kubeconfig,
            namespace: namespace,
            redis: redis,
            failPoint: failPoint,
            environment: environment
        )
        try await process.child.line(containing: "the operator follows HonuaProcesses")
        return process
    }

    /// Starts an operator without waiting for anything.
    public static func launch(
        kubeconfig: String,
        namespace: String,
        redis: String? = nil,
        failPoint: String? = nil,
        environment: [String: String] = [:]
    ) throws -> OperatorProcess {
        var environment = environment
        if let redis {
            environment["Redis__Enabled"] = "true"
            environment["Redis__ConnectionString"] = redis
        }
        environment["HONUA_FAIL_POINT"] = failPoint ?? ""
        let arguments = ["operator", "--kubeconfig", kubeconfig, "--watch-namespaces", namespace]
        return OperatorProcess(child: try ChildProcess(Project.honua, arguments, environment: environment))
    }

    /// SIGKILL, and the wait for the end.
    public func kill() async {
        child.signal(SIGKILL)
        _ = await child.waitForEnd()
    }

    /// SIGTERM, and the wait for the end; returns the exit status.
    @discardableResult
    public func terminate() async -> Int32 {
        child.signal(SIGTERM)
        return await child.waitForEnd()
    }
}
