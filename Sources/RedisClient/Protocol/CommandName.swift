/// A command's name in capitals, for rules and error texts.
struct CommandName: Hashable {
    let text: String

    init(_ argument: RedisArgument) {
        // Longer than any command; what is cut is no known name either way.
        text = argument.withBytes { String(decoding: $0.prefix(32), as: UTF8.self) }.uppercased()
    }
}
