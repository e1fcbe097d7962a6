import Foundation
import Synchronization

/// A real `redis-server` on 127.0.0.1, for as long as a test needs it.
///
/// The server is the child of a small shell that also waits for its standard input to end. When the tests die, however
/// they die, that input ends and the server goes with them.
public final class RedisServer: Sendable {
    /// How the server is set up.
    public struct Options: Sendable {
        /// `requirepass`.
        public var password: String?
        /// TLS only, with these certificates.
        public var certificates: TestCertificates?
        /// With TLS: whether clients must present a certificate.
        public var requiresClientCertificate: Bool
        /// More arguments, such as `["--databases", "4"]`.
        public var arguments: [String]
        /// The lines of a Sentinel's configuration, which makes the server one; `nil` for a server that holds data.
        var sentinelLines: [String]?

        /// The cluster bus is 10000 above the port.
        var isInCluster: Bool { arguments.contains("--cluster-enabled") }

        public init(
            password: String? = nil,
            certificates: TestCertificates? = nil,
            requiresClientCertificate: Bool = false,
            arguments: [String] = []
        ) {
            self.password = password
            self.certificates = certificates
            self.requiresClientCertificate = requiresClientCertificate
            self.arguments = arguments
        }
    }

    public let port: Int
    /// Without TLS, to give commands to a node of a cluster that otherwise speaks TLS.
    private let plainPort: Int
    private let options: Options
    let directory: URL
    private let running = Mutex<(shell: ChildProcess, pid: pid_t)?>(nil)

    /// Starts a server, hands it to the body, and stops it whatever happens.
    public static func with<Value>(
        _ options: Options = Options(),
        _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        let server = try await start(options)
        do {
            let value = try await body(server)
            await server.remove()
            return value
        } catch {
            await server.remove()
            throw error
        }
    }

    /// Starts a server on a free port.
    public static func start(_ options: Options = Options()) async throws -> RedisServer {
        var attempts = 0
        while true {
            let server = try RedisServer(options, port: FreePort.find(withClusterBus: options.isInCluster))
            do {
                try await server.start()
                return server
            } catch {
                // Somebody else may have taken the port meanwhile.
                attempts += 1
                if attempts == 3 || !"\(error)".contains("Address already in use") { throw error }
            }
        }
    }

    private init(_ options: Options, port: Int) throws {
        self.options = options
        self.port = port
        plainPort = options.certificates != nil && options.isInCluster ? try FreePort.find() : port
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    /// Starts the server, again after `stop()`, on the same port. Returns when it accepts connections.
    public func start() async throws {
        // `cat` ends with the input; the server's end ends nothing, so that its pid stays its own until then.
        let script =
            #"exec 3>&1; "$@" >&3 2>&1 & echo "pid $!" >&3; exec >/dev/null 2>&1 3>&-; cat; kill -KILL $!; wait"#
        let shell = try ChildProcess(
            URL(fileURLWithPath: "/bin/sh"),
            ["-c", script, "sh", try Self.executable()] + (try arguments())
        )
        do {
            let pid = try await shell.line(containing: "pid ").dropFirst("pid ".count)
            let ready = options.sentinelLines == nil ? "Ready to accept connections" : "+monitor master"
            try await shell.line(containing: ready, orLineContaining: "Failed listening")
            running.withLock { $0 = (shell, pid_t(pid) ?? 0) }
        } catch {
            shell.closeInput()
            throw error
        }
    }

    /// Kills the server and waits for its end. What it has written to an append-only file is kept.
    ///
    /// Not SIGTERM: threads of a Swift process have that blocked, and its children inherit this.
    public func stop() async {
        let run = running.withLock { run in
            defer { run = nil }
            return run
        }
        guard let run else { return }
        kill(run.pid, SIGKILL)
        // The server's output ends with it, because the shell has closed its own copy.
        await run.shell.waitForOutputEnd()
        run.shell.closeInput()
        _ = await run.shell.waitForEnd()
    }

    /// `requirepass`.
    var password: String? { options.password }

    /// Whether the server was started and not stopped since.
    public var isRunning: Bool { running.withLock { $0 != nil } }

    /// Stops the server for good.
    func remove() async {
        await stop()
        try? FileManager.default.removeItem(at: directory)
    }

    /// Sends a command over a connection of its own, without any client of ours, and returns the reply.
    ///
    /// Blocks the thread. Throws what the server answers with, if that is an error.
    @discardableResult
    public func command(_ words: String...) throws -> RawRedisReply { try command(words) }

    /// The same for words in a list.
    @discardableResult
    public func command(_ words: [String]) throws -> RawRedisReply {
        let connection = try RawRedisConnection(port: plainPort)
        if let password { _ = try connection.send(["AUTH", password]) }
        return try connection.send(words)
    }

    /// SIGSTOP: connections stay open and nothing is answered.
    public func pause() { signal(SIGSTOP) }

    /// SIGCONT.
    public func resume() { signal(SIGCONT) }

    /// The endpoint and the options a client needs, in the documented form.
    public var connectionString: String {
        var parts = ["127.0.0.1:\(port)", "abortConnect=false"]
        if let password = options.password { parts.append("password=\(password)") }
        if options.certificates != nil { parts.append("ssl=true") }
        return parts.joined(separator: ",")
    }

    private func signal(_ number: Int32) {
        running.withLock { run in
            if let pid = run?.pid, pid > 0 { kill(pid, number) }
        }
    }

    private func arguments() throws -> [String] {
        if let lines = options.sentinelLines {
            // A Sentinel writes into its file, and goes on from there when it is started again.
            let file = directory.appendingPathComponent("sentinel.conf")
            if !FileManager.default.fileExists(atPath: file.path) {
                let all = ["bind 127.0.0.1", "port \(port)", "dir \(directory.path)"] + lines
                try Data((all.joined(separator: "\n") + "\n").utf8).write(to: file)
            }
            return [file.path, "--sentinel"]
        }
        var arguments = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory.path]
        if let certificates = options.certificates {
            arguments += [
                "--port", plainPort == port ? "0" : "\(plainPort)", "--tls-port", "\(port)", "--tls-ca-cert-file",
                certificates.authority,
            ]
            arguments += ["--tls-cert-file", certificates.server, "--tls-key-file", certificates.serverKey]
            arguments += ["--tls-auth-clients", options.requiresClientCertificate ? "yes" : "no"]
        } else {
            arguments += ["--port", "\(port)"]
        }
        if let password = options.password { arguments += ["--requirepass", password] }
        return arguments + options.arguments
    }

    private static func executable() throws -> String {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        for folder in path.split(separator: ":") {
            let candidate = "\(folder)/redis-server"
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
        }
        throw ChildProcess.Failure(
            description: "These tests need redis-server; install it by scripts/install-prerequisites test"
        )
    }
}

/// A port nobody listens on at the moment.
///
/// Below 32768, where the kernel does not pick ports for outgoing connections: one of those could take the port while a
/// server is stopped, or even connect to itself.
public enum FreePort {
    /// - Parameter withClusterBus: Whether the port 10000 above has to be free as well.
    public static func find(withClusterBus: Bool = false) throws -> Int {
        var failure: Int32 = 0
        for _ in 0..<100 {
            let port = UInt16.random(in: 10000..<(withClusterBus ? 22000 : 32000))
            let error = bindingError(port) ?? (withClusterBus ? bindingError(port + 10000) : nil)
            guard let error else { return Int(port) }
            failure = error
        }
        throw ChildProcess.Failure(description: "no free port: \(String(cString: strerror(failure)))")
    }

    /// Nil when the port could be bound.
    private static func bindingError(_ port: UInt16) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = port.bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return result == 0 ? nil : errno
    }
}
