import ArgumentParser
import Foundation

/// Measures one thing once, in a process of its own: memory that was used before would count as free otherwise.
struct Probe: AsyncParsableCommand {
    enum Subject: String, ExpressibleByArgument {
        case bytes, typed, streamed, dynamic, pages, watch, memory, queue, reconcile, patch, idle
    }

    static let configuration = CommandConfiguration(commandName: "probe", shouldDisplay: false)

    @OptionGroup var cluster: Cluster
    @Argument var subject: Subject
    @Option var namespace = Population.small.namespace
    @Option(help: "How many objects, events, keys or patches.")
    var count: Int
    @Option(help: "How many patches are in flight.")
    var parallel = 1
    @Flag(help: "Let the server compress lists.")
    var gzip = false

    func run() async throws {
        let reading =
            switch subject {
            case .bytes: try await bytes()
            case .typed: try await typed()
            case .streamed: try await streamed()
            case .dynamic: try await dynamic()
            case .pages: try await pages()
            case .watch: try await watch()
            case .memory: try await memory()
            case .queue: try await queue()
            case .reconcile: try await reconcile()
            case .patch: try await patch()
            case .idle: try await idle()
            }
        guard reading.count == Double(count) else { throw Incomplete(count: reading.count) }
        FileHandle.standardOutput.write(try JSONEncoder().encode(reading))
    }

    private struct Incomplete: Error, CustomStringConvertible {
        let count: Double
        var description: String { "only \(count) of what there should be" }
    }
}

/// Objects that the measurements find in a namespace.
enum Population {
    /// 1.9 kB each.
    static let small = (namespace: "small", steps: 2)
    /// 18 kB each.
    static let large = (namespace: "large", steps: 178)
}
