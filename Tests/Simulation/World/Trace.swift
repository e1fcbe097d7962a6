import JSON
import Logging

/// What has happened in a simulation, in order; as a digest always, as text when asked for.
final class Trace {
    let isRecorded: Bool
    private(set) var lines: [String] = []
    private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a, 64 bits

    init(isRecorded: Bool) { self.isRecorded = isRecorded }

    func note(_ time: Duration, _ text: String) {
        mix(UInt64(bitPattern: time.milliseconds))
        var text = text
        text.withUTF8 { bytes in for byte in bytes { mix(UInt64(byte)) } }
        if isRecorded { lines.append("\(Self.seconds(time))  \(text)") }
    }

    /// What is only shown.
    func remark(_ time: Duration, _ text: String) {
        if isRecorded { lines.append("\(Self.seconds(time))      \(text)") }
    }

    func mix(_ value: UInt64) { digest = (digest ^ value) &* 0x100_0000_01b3 }

    private static func seconds(_ time: Duration) -> String {
        let milliseconds = time.milliseconds
        let fraction = String(1000 + milliseconds % 1000).dropFirst()
        let whole = String(milliseconds / 1000)
        return String(repeating: " ", count: max(0, 5 - whole.count)) + whole + "." + fraction
    }
}

/// Puts what a program logs into the trace.
struct TraceLog: LogHandler {
    let world: World
    let program: String
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]

    init(world: World, program: String) {
        self.world = world
        self.program = program
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        world.trace.remark(world.now, "\(program): \(event.message)")
    }
}
