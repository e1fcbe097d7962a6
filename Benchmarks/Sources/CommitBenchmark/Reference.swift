import Foundation
import RedisClient
import Stores
import Workflows

/// What Redis's own benchmark reaches with the same script.
struct Reference {
    /// Host and port.
    let address: String
    /// The script's SHA-1.
    let script: String
    let load: CommitLoad

    func measure(_ commits: Int, inFlight: Int) throws -> Reading {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let colon = address.lastIndex(of: ":") ?? address.endIndex
        process.arguments =
            ["redis-benchmark", "-h", String(address[..<colon]), "-p", String(address[colon...].dropFirst())]
            + ["-n", "\(commits)", "-c", "\(inFlight)", "-P", "1", "-r", "\(CommitLoad.keyCount)", "--csv"]
            + ["EVALSHA", script, "1", RedisDocumentStore.defaultKeyPrefix + "__rand_int__"]
            + [String(decoding: load.document.bytes, as: UTF8.self), "\(load.timeToLive.components.seconds)"]
            + [load.document.digest]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        // The first column is the whole command; after it: commits/s, then average, least, p50, p95, p99 and most in ms.
        let last = text.split(whereSeparator: \.isNewline).last ?? ""
        let columns = last.components(separatedBy: "\",\"").suffix(7)
        let values = columns.compactMap { Double($0.trimmingCharacters(in: ["\""])) }
        guard values.count == 7 else {
            throw CommitLoad.Failure(description: "redis-benchmark printed: \(text.suffix(300))")
        }
        return Reading(perSecond: values[0], p50: values[3] / 1000, p99: values[5] / 1000)
    }
}
