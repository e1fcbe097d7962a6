import Foundation
import Synchronization

/// A real `redis-server` on 127.0.0.1, for as long as a test needs it.
///
/// The server is the child of a small shell that also waits for its standard input to end. When the tests die, however
/// they die, that input ends and the server goes with them.
final class RedisServer: Sendable {
    struct Options: Sendable {
        /// `requirepass`.
        var password: String?
        /// TLS only, with these certificates.
        var certificates: TestCertificates?
        /// With TLS: whether clients must present a certificate.
        var requiresClientCertificate = false
        /// More arguments, such as `["--databases", "4"]`.
        var arguments: [String] = []
    }

    private struct Run {
        let shell: ChildProcess
        let started = Gate()
        let ended = Gate()
        var pid: pid_t = 0
        var lastLines: [String] = []
    }

    let port: Int
    private let options: Options
    private let directory: URL
    private let run = Mutex<Run?>(nil)

    /// Starts a server, hands it to the body, and stops it whatever happens.
    static func with<Value>(
        _ options: Options = Options(),
        _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        let server = try await start(options)
        do {
            let value = try await body(server)
            await server.stop()
            return value
        } catch {
            await server.stop()
            throw error
        }
    }

    /// Starts a server on a free port.
    static func start(_ options: Options = Options()) async throws -> RedisServer {
        var attempts = 0
        while true {
            let server = try RedisServer(options, port: FreePort.find())
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
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: directory)
    }

    /// Starts the server, again after ``stop()``, on the same port. Returns when it accepts connections.
    func start() async throws {
        let script =
            #"exec 3>&1; "$@" >&3 2>&1 & echo "pid $!" >&3; exec >/dev/null 2>&1 3>&-; cat; kill -KILL $!; wait"#
        let run = Run(shell: try ChildProcess(["/bin/sh", "-c", script, "sh", try Self.executable()] + arguments))
        self.run.withLock { $0 = run }
        Thread.detachNewThread { [self] in
            run.shell.readLines { note($0, run) }
            run.ended.open()
            run.started.open()
        }
        await run.started.passed()
        if run.ended.isOpen {
            let lines = self.run.withLock { $0?.lastLines ?? [] }
            await stop()
            throw ChildProcess.Failure(description: "redis-server did not start:\n" + lines.joined(separator: "\n"))
        }
    }

    /// Kills the server and waits for its end. What it has written to an append-only file is kept.
    func stop() async {
        guard let run = run.withLock({ $0 }) else { return }
        signal(SIGKILL)
        await run.ended.passed()
        run.shell.finish()
        self.run.withLock { $0 = nil }
    }

    /// SIGSTOP: connections stay open and nothing is answered.
    func pause() {
        signal(SIGSTOP)
    }

    /// SIGCONT.
    func resume() {
        signal(SIGCONT)
    }

    /// The endpoint and the options a client needs, in the documented form.
    var connectionString: String {
        var parts = ["127.0.0.1:\(port)", "abortConnect=false"]
        if let password = options.password { parts.append("password=\(password)") }
        if options.certificates != nil { parts.append("ssl=true") }
        return parts.joined(separator: ",")
    }

    // MARK: Details

    private var arguments: [String] {
        var arguments = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory.path]
        if let certificates = options.certificates {
            arguments += ["--port", "0", "--tls-port", "\(port)", "--tls-ca-cert-file", certificates.authority]
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
            description: "These tests need redis-server. Install it without starting the service: "
                + "RUNLEVEL=1 apt-get install -y redis-server"
        )
    }

    private func signal(_ number: Int32) {
        run.withLock { run in
            // The shell waits for the server only at its own end, so that until then the pid is nobody else's.
            if let pid = run?.pid, pid > 0 { kill(pid, number) }
        }
    }

    /// Takes a line the server, or the shell before it, has written.
    private func note(_ line: String, _ run: Run) {
        self.run.withLock { run in
            if line.hasPrefix("pid "), let pid = pid_t(line.dropFirst(4)) { run?.pid = pid }
            run?.lastLines.append(line)
            if let count = run?.lastLines.count, count > 50 { run?.lastLines.removeFirst() }
        }
        if line.contains("Ready to accept connections") { run.started.open() }
    }
}

/// A port nobody listens on at the moment.
enum FreePort {
    static func find() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, size) == 0 ? getsockname(descriptor, address, &size) : -1
            }
        }
        guard result == 0 else { throw ChildProcess.Failure(description: "no free port: errno \(errno)") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
