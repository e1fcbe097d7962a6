/// Easy handles between transfers. A handle holds buffers and parsed state that are costly to make for each request.
struct EasyHandlePool {
    /// Handles kept, a few KiB each: as many as a busy client has in flight.
    static let capacity = 32

    private var idle: [EasyHandle] = []

    /// A handle without options. nil when memory is short.
    mutating func take() -> EasyHandle? {
        idle.popLast() ?? EasyHandle()
    }

    /// Takes back a handle that no transfer uses any more.
    mutating func give(back handle: EasyHandle) {
        guard idle.count < Self.capacity else { return }
        handle.reset()
        idle.append(handle)
    }
}
