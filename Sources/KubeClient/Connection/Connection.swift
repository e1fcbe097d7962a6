internal import HTTPTransport
internal import JSON
internal import Logging
internal import Synchronization

/// The transport and the identity of a client, kept current.
///
/// - Tokens, certificates, keys and authorities in files are read again once a minute, when a ticket is asked for, and
///   after a 401. A plugin is run when its credentials are about to expire, and after a 401.
/// - When authorities, certificate or key are others, a new transport takes over. Exchanges of those who hold a ticket
///   for the old one go on; its streams end with `.connectionLost`, for their owners to open new ones.
/// - A file that is missing, half written or of another pair keeps what was read before in use, and is logged once.
final class Connection: Sendable {
    /// What one attempt of a request travels with.
    struct Ticket: Sendable {
        /// Kept by the holder until its exchange has ended.
        let transport: HTTPTransport
        /// `Authorization` and impersonation, as far as there are any. Names may repeat, so these are to be appended.
        let fields: [(name: String, value: String)]
        /// Counts up with each renewal of the credentials.
        let generation: UInt64

        /// The fields with another impersonation than the configuration's.
        func fields(impersonating other: Impersonation) -> [(name: String, value: String)] {
            fields.filter { !$0.name.hasPrefix("Impersonate-") } + other.fields
        }
    }

    private struct Retired {
        weak var transport: HTTPTransport?
    }

    private struct State {
        var files: IdentityFiles
        /// The latest of the plugin.
        var issue: ExecCredentialSource.Issue?
        /// What `ticket` was made of.
        var material: TLSMaterial
        var authorization: String?
        var ticket: Ticket
        /// Transports whose exchanges may still go on.
        var retired: [Retired] = []
        var isShutDown = false

        /// Has a transport that uses these take over.
        mutating func adopt(
            _ material: TLSMaterial,
            _ settings: HTTPTransport.Configuration
        ) throws(TransferError) {
            guard material != self.material else { return }
            let old = ticket
            let transport = try Connection.transport(settings, material)
            ticket = Ticket(transport: transport, fields: old.fields, generation: old.generation)
            self.material = material
            retired.removeAll { $0.transport == nil }
            retired.append(Retired(transport: old.transport))
        }
    }

    private let configuration: ClusterConfiguration
    private let settings: HTTPTransport.Configuration
    private let plugin: ExecCredentialSource?
    private let clock: ConnectionClock
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads certificates, keys and tokens, and starts the transport. Runs no plugin and connects to nothing.
    /// - Throws: `ConfigurationError` or `TransferError` when something of the configuration cannot be used.
    convenience init(_ configuration: ClusterConfiguration, logger: Logger) throws {
        try self.init(configuration, logger: logger, clock: .system)
    }

    init(_ configuration: ClusterConfiguration, logger: Logger, clock: ConnectionClock) throws {
        var settings = HTTPTransport.Configuration()
        settings.tls = configuration.tls
        settings.userAgent = configuration.userAgent
        if let proxy = configuration.proxy {
            guard let url = ProxyURL(proxy) else {
                throw ConfigurationError("the proxy must be http://, https:// or socks5:// with a host")
            }
            settings.proxy = url.text
        }
        let files = try IdentityFiles(configuration, at: clock.elapsed())
        let authorization = configuration.credentials.authorization(token: files.token)
        let ticket = Ticket(
            transport: try Self.transport(settings, files.material),
            fields: configuration.fields(authorization),
            generation: 0
        )
        self.configuration = configuration
        self.settings = settings
        self.clock = clock
        self.logger = logger
        if case .exec(let plugin) = configuration.credentials {
            let authorities = HTTPTransport.TLS(certificateAuthorities: configuration.tls.certificateAuthorities)
            self.plugin = ExecCredentialSource(plugin, clock: clock, logger: logger) {
                // What it makes of files that are not in order now is for the plugin to say.
                configuration.clusterInfo(authorities: try? TLSMaterial(authorities).authorities)
            }
        } else {
            plugin = nil
        }
        state = Mutex(State(files: files, material: files.material, authorization: authorization, ticket: ticket))
    }

    private static func transport(
        _ settings: HTTPTransport.Configuration,
        _ material: TLSMaterial
    ) throws(TransferError) -> HTTPTransport {
        var settings = settings
        settings.tls = material.applied(to: settings.tls)
        return try HTTPTransport(settings)
    }

    /// The transport and the credentials to use now; fetches or renews them first where that is due.
    ///
    /// After `shutdown`, a ticket for a transport that is shut down.
    /// - Throws: `CredentialError` when a plugin has none to give, `CancellationError` when the task is cancelled.
    func ticket() async throws -> Ticket {
        guard let plugin else { return refresh() }
        do {
            return refresh(try await plugin.current())
        } catch let error as CredentialError {
            let (isShutDown, ticket) = state.withLock { ($0.isShutDown, $0.ticket) }
            if isShutDown { return ticket }
            throw error
        }
    }

    /// After the server has refused the ticket's credentials (401): tries to get others, once for all who were refused
    /// with the same ones.
    /// - Returns: whether the next ticket has other credentials than this one. Not when the task is cancelled.
    func renew(after ticket: Ticket) async -> Bool {
        let (generation, run) = state.withLock { ($0.ticket.generation, $0.issue?.run ?? 0) }
        guard generation == ticket.generation else { return true }
        // Failures are logged by the plugin's source.
        let issue = try? await plugin?.renewed(after: run)
        return refresh(issue, regardless: true).generation != ticket.generation
    }

    /// Ends every exchange. Idempotent.
    func shutdown() {
        plugin?.shutdown()
        let transports = state.withLock { state in
            state.isShutDown = true
            return [state.ticket.transport] + state.retired.compactMap(\.transport)
        }
        for transport in transports { transport.shutdown() }
    }

    /// Brings the ticket up to date.
    private func refresh(_ issue: ExecCredentialSource.Issue? = nil, regardless: Bool = false) -> Ticket {
        let (ticket, replaced, problems) = state.withLock { state in
            let before = state.ticket.transport
            let problems = update(&state, issue, regardless: regardless)
            return (state.ticket, state.ticket.transport === before ? nil : before, problems)
        }
        for problem in problems {
            logger.warning("credentials stay as they were", metadata: ["error": "\(problem)"])
        }
        if let replaced {
            logger.info("certificates have changed; connections are made anew")
            replaced.retire()
            // Nobody may hold it but us. Its end waits for its thread, which takes 0.3 ms with open connections: too
            // short to matter here.
        }
        return ticket
    }

    /// - Returns: what stands in the way.
    private func update(_ state: inout State, _ issue: ExecCredentialSource.Issue?, regardless: Bool) -> [String] {
        guard !state.isShutDown else { return [] }
        let problems = state.files.look(at: clock.elapsed(), regardless: regardless)
        // Two tasks may come here in another order than the plugin's runs.
        let isLater = issue.map { $0.run > state.issue?.run ?? 0 } ?? false
        if isLater { state.issue = issue }
        guard isLater || problems != nil else { return [] }
        let credential = state.issue?.credential
        var material = state.files.material
        if let certificate = credential?.certificate {
            material.certificate = certificate
            material.key = credential?.key
        }
        let authorization = configuration.credentials.authorization(token: credential?.token ?? state.files.token)
        guard material != state.material || authorization != state.authorization else { return problems ?? [] }
        do {
            try state.adopt(material, settings)
        } catch {
            return (problems ?? []) + ["\(error)"]
        }
        state.authorization = authorization
        state.ticket = Ticket(
            transport: state.ticket.transport,
            fields: configuration.fields(authorization),
            generation: state.ticket.generation + 1
        )
        return problems ?? []
    }
}

extension Credentials {
    /// - Parameter token: of a file or of a plugin.
    fileprivate func authorization(token: String?) -> String? {
        switch self {
        case .none: nil
        case .token(let token): "Bearer \(token)"
        case .tokenFile, .exec: token.map { "Bearer \($0)" }
        case .basic(let user, let password): "Basic \(Base64.encode(Array("\(user):\(password)".utf8)))"
        }
    }
}

extension ClusterConfiguration {
    fileprivate func fields(_ authorization: String?) -> [(name: String, value: String)] {
        let own = authorization.map { [(name: "Authorization", value: $0)] } ?? []
        return own + (impersonation?.fields ?? [])
    }

    /// `spec.cluster` of what plugins are told.
    fileprivate func clusterInfo(authorities: [UInt8]?) -> JSONValue {
        var cluster: JSONValue = ["server": .string(server)]
        if let name = tls.serverName { cluster["tls-server-name"] = .string(name) }
        if !tls.verifiesPeer { cluster["insecure-skip-tls-verify"] = true }
        if let authorities { cluster["certificate-authority-data"] = .string(Base64.encode(authorities)) }
        if let proxy { cluster["proxy-url"] = .string(proxy) }
        if !compression { cluster["disable-compression"] = true }
        return cluster
    }
}
