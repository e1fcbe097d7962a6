import Glibc

/// A port on 127.0.0.1 whose queue is full, so that connection attempts get no answer.
package final class FullListener {
    package let port: UInt16
    private var descriptors: [Int32] = []

    package init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        descriptors.append(listener)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutableBytes(of: &address) { bytes -> Int32 in
            guard let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress else { return -1 }
            return bind(listener, address, length) | listen(listener, 0) | getsockname(listener, address, &length)
        }
        guard status == 0 else { throw ChannelError(errno: errno) }
        port = UInt16(bigEndian: address.sin_port)
        for _ in 0..<4 {
            let client = socket(
                AF_INET,
                Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
                0
            )
            descriptors.append(client)
            _ = withUnsafeBytes(of: &address) { bytes in
                bytes.assumingMemoryBound(to: sockaddr.self).baseAddress.map { connect(client, $0, length) }
            }
        }
    }

    deinit {
        descriptors.forEach { _ = close($0) }
    }
}
