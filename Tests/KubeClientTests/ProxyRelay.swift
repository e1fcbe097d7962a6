import Dispatch
import Glibc
import Synchronization
import Testing

/// A proxy on 127.0.0.1 that takes every name for this machine, and writes down where its clients want to go.
///
/// Blocking, on threads of its own. It ends with its last reference, and its connections with it.
final class ProxyRelay: Sendable {
    enum Kind: String, Sendable {
        /// Tunnels by CONNECT.
        case http
        /// SOCKS version 5, without or with a user name (RFC 1928, RFC 1929).
        case socks5
    }

    let port: UInt16
    private let listener: Int32
    private let core: Core

    init(_ kind: Kind) throws {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in.loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = address.withSocketAddress { bind(socket, $0, length) | listen(socket, 64) }
        try #require(status == 0 && address.withSocketAddress { getsockname(socket, $0, &length) } == 0)
        let core = Core(kind: kind)
        port = UInt16(bigEndian: address.sin_port)
        listener = socket
        self.core = core
        DispatchQueue(label: "proxy").async {
            while true {
                let client = accept(socket, nil, nil)
                _ = fcntl(client, F_SETFD, FD_CLOEXEC)
                guard client >= 0 else { return }
                guard core.add(client) else { continue }
                DispatchQueue(label: "connection").async { core.serve(client) }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        core.end()
        close(listener)
    }

    /// Such as `kubernetes.invalid:6443`, in the order of the connections.
    var targets: [String] { core.state.withLock { $0.targets } }
    /// What clients said who they were: `user:password` for SOCKS, the field `Proxy-Authorization` for HTTP.
    var credentials: [String] { core.state.withLock { $0.credentials } }

    private final class Core: Sendable {
        struct State {
            var targets: [String] = []
            var credentials: [String] = []
            var sockets: Set<Int32> = []
            var hasEnded = false
        }

        let kind: Kind
        let state = Mutex(State())

        init(kind: Kind) { self.kind = kind }

        func add(_ socket: Int32) -> Bool {
            state.withLock { state in
                if state.hasEnded { close(socket) } else { state.sockets.insert(socket) }
                return !state.hasEnded
            }
        }

        func end() {
            state.withLock { state in
                state.hasEnded = true
                for socket in state.sockets { shutdown(socket, Int32(SHUT_RDWR)) }
            }
        }

        private func remove(_ socket: Int32) {
            state.withLock { state in
                state.sockets.remove(socket)
                close(socket)
            }
        }

        func serve(_ client: Int32) {
            defer { remove(client) }
            guard let port = kind == .http ? connectTarget(client) : socksTarget(client) else { return }
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard add(server) else { return }
            defer { remove(server) }
            var address = sockaddr_in.loopback(port)
            let length = socklen_t(MemoryLayout<sockaddr_in>.size)
            guard address.withSocketAddress({ connect(server, $0, length) }) == 0 else { return }
            let accepted: [UInt8] =
                kind == .http
                ? Array("HTTP/1.1 200 Connection established\r\n\r\n".utf8) : [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]
            guard send(accepted, to: client) else { return }
            relay(client, server)
        }

        private func connectTarget(_ client: Int32) -> UInt16? {
            var head: [UInt8] = []
            while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
                guard let byte = receive(1, from: client) else { return nil }
                head += byte
            }
            let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
            let words = lines[0].split(separator: " ")
            guard words.count == 3, words[0] == "CONNECT" else { return nil }
            let field = "Proxy-Authorization: "
            note(String(words[1]), lines.first { $0.hasPrefix(field) }.map { String($0.dropFirst(field.count)) })
            return words[1].split(separator: ":").last.flatMap { UInt16($0) }
        }

        private func socksTarget(_ client: Int32) -> UInt16? {
            guard let greeting = receive(2, from: client), greeting[0] == 5,
                let methods = receive(Int(greeting[1]), from: client)
            else { return nil }
            var credentials: String?
            if methods.contains(2) {
                guard send([5, 2], to: client), let user = receive(2, from: client),
                    let name = receive(Int(user[1]), from: client), let length = receive(1, from: client),
                    let password = receive(Int(length[0]), from: client), send([1, 0], to: client)
                else { return nil }
                credentials = String(decoding: name + [UInt8(ascii: ":")] + password, as: UTF8.self)
            } else {
                guard send([5, 0], to: client) else { return nil }
            }
            // Version 5, CONNECT, reserved, and 3 for a name: an address would mean that the client has looked it up.
            guard let request = receive(4, from: client), request == [5, 1, 0, 3],
                let length = receive(1, from: client), let name = receive(Int(length[0]), from: client),
                let port = receive(2, from: client)
            else { return nil }
            let number = UInt16(port[0]) << 8 | UInt16(port[1])
            note("\(String(decoding: name, as: UTF8.self)):\(number)", credentials)
            return number
        }

        private func note(_ target: String, _ credentials: String?) {
            state.withLock { state in
                state.targets.append(target)
                if let credentials { state.credentials.append(credentials) }
            }
        }

        private func receive(_ count: Int, from socket: Int32) -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: count)
            return recv(socket, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : nil
        }

        private func send(_ bytes: some Collection<UInt8>, to socket: Int32) -> Bool {
            var rest = Array(bytes)[...]
            while !rest.isEmpty {
                let sent = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                guard sent > 0 else { return false }
                rest = rest.dropFirst(sent)
            }
            return true
        }

        /// Until one side has ended.
        private func relay(_ one: Int32, _ other: Int32) {
            var bytes = [UInt8](repeating: 0, count: 65536)
            while true {
                var sockets = [
                    pollfd(fd: one, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: other, events: Int16(POLLIN), revents: 0),
                ]
                guard poll(&sockets, 2, -1) > 0 else { return }
                for (from, to) in [(0, 1), (1, 0)] where sockets[from].revents != 0 {
                    let count = recv(sockets[from].fd, &bytes, bytes.count, 0)
                    guard count > 0, send(bytes[..<count], to: sockets[to].fd) else { return }
                }
            }
        }
    }
}

extension sockaddr_in {
    fileprivate static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    fileprivate mutating func withSocketAddress(_ body: (UnsafeMutablePointer<sockaddr>) -> Int32) -> Int32 {
        withUnsafeMutablePointer(to: &self) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
        }
    }
}
