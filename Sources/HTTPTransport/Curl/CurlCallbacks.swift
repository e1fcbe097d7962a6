internal import CCurl
internal import Glibc

// What libcurl calls, always on the event loop's thread, from within `advance` or `unpause`. The context is an
// unretained pointer to the `Transfer`: the event loop holds a reference from before `MultiHandle.add` until after
// `MultiHandle.remove`, and libcurl calls back at no other time.

/// One line of a header block.
let receiveHeaderLine: curl_write_callback = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
    return Transfer.from(context).receive(headerLine: line) ? line.count : 0
}

/// Some of the body.
let receiveBody: curl_write_callback = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    let chunk = UnsafeRawBufferPointer(start: bytes, count: size * count)
    switch Transfer.from(context).receive(body: chunk) {
    case .taken: return chunk.count
    case .full: return Int(CURL_WRITEFUNC_PAUSE)
    // Any other count than the one given makes curl end the transfer.
    case .abandoned: return chunk.isEmpty ? 1 : 0
    }
}

/// A connection is there and the request is about to be sent on it, the first time or again.
let willSendRequest: curl_prereq_callback = { context, _, _, _, _ in
    guard let context else { return CURL_PREREQFUNC_ABORT }
    return Transfer.from(context).maySend() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}

/// A socket was made and is about to be connected. Failing to set an option leaves a connection that works.
let prepareSocket: curl_sockopt_callback = { _, socket, _ in
    // Bytes unacknowledged for so long end the connection, where TCP alone would go on for a quarter of an hour. 30 s
    // outlast a network that finds a new route, and a dead peer is noticed within the minute.
    var unacknowledged: UInt32 = 30_000
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &unacknowledged, socklen_t(MemoryLayout<UInt32>.size))
    // Programs started by this process have no business with its connections.
    _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
    return CURL_SOCKOPT_OK
}
