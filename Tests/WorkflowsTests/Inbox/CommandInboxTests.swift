import JSON
import Testing

@testable import Workflows

@Suite struct CommandInboxTests {
    private let store = InMemoryDocumentStore()
    private var inbox: CommandInbox { CommandInbox(store: store) }

    private func command(_ id: String, _ action: PostedCommand.Action) -> PostedCommand {
        PostedCommand(id: id, action, user: "lani", postedAt: Timestamp(seconds: 1_700_000_000))
    }

    @Test func `what is posted is read in its order, and read until it is removed`() async throws {
        let commands = [
            command("1", .pause), command("2", .resume), command("3", .retry), command("4", .retryCurrentStep),
            command("5", .rollBack), command("6", .markCleanedUp), command("7", .cancel(.force)),
            command("8", .decide(ExecutionID("a", item: 3, isCompensation: true), .complete(output: ["x": 1]))),
            command("9", .decide(nil, .fail)), command("10", .decide(ExecutionID("b"), .retry)),
        ]
        for command in commands { try await inbox.post(command, to: "p") }
        #expect(try await inbox.commands(for: "p") == commands)
        try await inbox.remove(["1", "9"], from: "p")
        #expect(try await inbox.commands(for: "p") == commands.filter { !["1", "9"].contains($0.id) })
        #expect(try await inbox.commands(for: "q") == [])
    }

    @Test func `a command that is posted twice is there once`() async throws {
        try await inbox.post(command("1", .retry), to: "p")
        try await inbox.post(command("1", .retry), to: "p")
        #expect(try await inbox.commands(for: "p").count == 1)
    }

    @Test func `posts of many replicas at once are all there`() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<32 {
                group.addTask { try await inbox.post(command("\(number)", .retry), to: "p") }
            }
            try await group.waitForAll()
        }
        #expect(try await inbox.commands(for: "p").count == 32)
        var last: String?
        #expect(try await inbox.news(since: &last) == .of(Array(repeating: "p", count: 32)))
    }

    @Test func `the doorbell tells what is new, and that it does not remember all`() async throws {
        var last: String?
        #expect(try await inbox.news(since: &last) == nil)
        try await inbox.post(command("1", .retry), to: "p")
        try await inbox.post(command("2", .retry), to: "q")
        #expect(try await inbox.news(since: &last) == .of(["p", "q"]))
        #expect(try await inbox.news(since: &last) == nil)
        for number in 0...CommandInbox.rememberedRings { try await inbox.post(command("x", .retry), to: "r\(number)") }
        #expect(try await inbox.news(since: &last) == .ofAny)
        store.delete([.doorbell])
        try await inbox.post(command("3", .retry), to: "s")
        #expect(try await inbox.news(since: &last) == .ofAny, "it begins anew")
    }

    @Test func `a full inbox says so and loses nothing`() async throws {
        for number in 0..<CommandInbox.capacity { try await inbox.post(command("\(number)", .retry), to: "p") }
        await #expect(throws: CommandInbox.Full.self) { try await inbox.post(command("more", .retry), to: "p") }
        #expect(try await inbox.commands(for: "p").count == CommandInbox.capacity)
    }

    @Test func `what cannot be read is passed over, and goes with the next removal`() async throws {
        let unreadable: JSONValue = [["id": "1", "command": "dance", "postedAt": "2026-01-01T00:00:00Z"], 7]
        _ = store.create(.inbox(processID: "p"), StoredDocument(unreadable.serialized()), timeToLive: .seconds(60))
        try await inbox.post(command("2", .retry), to: "p")
        #expect(try await inbox.commands(for: "p").map(\.id) == ["2"])
        try await inbox.remove([], from: "p")
        #expect(try await inbox.commands(for: "p").map(\.id) == ["2"])
    }

    @Test(arguments: ["a[", "a]1[", "", "a[x]", "a/undo", "[1]"])
    func `a name that no execution has is refused`(text: String) {
        #expect(ExecutionID(parsing: text) == nil)
    }
}
