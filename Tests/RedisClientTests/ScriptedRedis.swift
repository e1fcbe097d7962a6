import Dispatch
import Foundation
import Synchronization
import TestEnvironment

/// A server on 127.0.0.1 that does to each command what the test says, to show the client what no real server would.
///
/// Commands of the greeting are answered by itself.
final class ScriptedRedis: Sendable {
    enum Reaction: Sendable {
        /// These bytes, which may be any number of replies.
        case reply([UInt8])
        /// Nothing.
        case silence
        /// These bytes, then the end.
        case replyAndClose([UInt8])
        /// Stops reading and closes after the gate has opened.
        case closeAfter(Gate)

        static func reply(_ text: String) -> Self { .reply(Array(text.utf8)) }
        static var close: Self { .replyAndClose([]) }
    }

    struct Command: Sendable, Equatable {
        let connection: Int
        let words: [String]
    }

    let port: Int
    /// What has been received, without greetings.
    let commands: AsyncStream<Command>
    private let received: AsyncStream<Command>.Continuation
    private let listener: Int32
    private let connections = Mutex<[Int32]>([])
    private let react: @Sendable (Command) -> Reaction

    /// - Parameter react: Runs on a thread of its own per connection; may wait.
    init(_ react: @escaping @Sendable (Command) -> Reaction) throws {
        self.react = react
        (commands, received) = AsyncStream.makeStream()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { [listener] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, size) == 0 ? getsockname(listener, address, &size) : -1
            }
        }
        guard result == 0, listen(listener, 16) == 0 else {
            throw ChildProcess.Failure(description: "the scripted server cannot listen: errno \(errno)")
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [self] in
            var number = 0
            while true {
                let descriptor = accept(listener, nil, nil)
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                if descriptor < 0 {
                    close(listener)
                    return
                }
                // Or a server started meanwhile would keep the connection open.
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                connections.withLock { $0.append(descriptor) }
                let connection = number
                number += 1
                Thread.detachNewThread { [self] in serve(descriptor, connection) }
            }
        }
    }

    /// Ends listening and all connections.
    func stop() {
        // Each thread closes its own descriptor when it has seen the end. Closed here, the number might already be
        // another's.
        shutdown(listener, Int32(SHUT_RDWR))
        connections.withLock { for descriptor in $0 { shutdown(descriptor, Int32(SHUT_RDWR)) } }
        received.finish()
    }

    /// What the client is to be configured with.
    var connectionString: String { "127.0.0.1:\(port),abortConnect=false" }

    private func serve(_ descriptor: Int32, _ connection: Int) {
        defer {
            connections.withLock { connections in
                connections.removeAll { $0 == descriptor }
                close(descriptor)
            }
        }
        var input: [UInt8] = []
        while let words = nextCommand(descriptor, &input) {
            switch words.first {
            case "CLIENT", "SELECT", "AUTH": send(descriptor, Array("+OK\r\n".utf8))
            case "PING" where words.count == 1: send(descriptor, Array("+PONG\r\n".utf8))
            default:
                let command = Command(connection: connection, words: words)
                received.yield(command)
                switch react(command) {
                case .reply(let bytes): send(descriptor, bytes)
                case .silence: break
                case .replyAndClose(let bytes):
                    send(descriptor, bytes)
                    return
                case .closeAfter(let gate):
                    let isOpen = DispatchSemaphore(value: 0)
                    Task {
                        await gate.passed()
                        isOpen.signal()
                    }
                    isOpen.wait()
                    return
                }
            }
        }
    }

    private func nextCommand(_ descriptor: Int32, _ input: inout [UInt8]) -> [String]? {
        while true {
            if let (words, length) = Self.parse(input) {
                input.removeFirst(length)
                return words
            }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count <= 0 { return nil }
            input += buffer[..<count]
        }
    }

    /// `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, if it is complete.
    private static func parse(_ input: [UInt8]) -> (words: [String], length: Int)? {
        var position = 0
        func number(after mark: Character) -> Int? {
            guard let end = input[position...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            let line = String(decoding: input[position..<end - 1], as: UTF8.self)
            position = end + 1
            return line.first == mark ? Int(line.dropFirst()) : nil
        }
        guard !input.isEmpty, let count = number(after: "*") else { return nil }
        var words: [String] = []
        for _ in 0..<count {
            guard position < input.count, let length = number(after: "$"), position + length + 2 <= input.count else {
                return nil
            }
            words.append(String(decoding: input[position..<position + length], as: UTF8.self))
            position += length + 2
        }
        return (words, position)
    }

    private func send(_ descriptor: Int32, _ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }
}
