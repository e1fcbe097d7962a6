import Testing

@testable import HTTPTransport

struct EventLoopTests {
    @Test func `requests that come in after the order to shut down are told so`() throws {
        let mailbox = Mailbox(try WakeUp())
        let outcomes = try (0..<4).map { number in
            let outcome = Outcome<HTTPResponse>()
            let submission = Submission(
                id: TransferID(number: UInt64(number)),
                prepared: try PreparedRequest(HTTPRequest(url: "http://127.0.0.1:1/")),
                delivery: .whole(outcome),
                submitted: .now
            )
            if number == 2 { #expect(mailbox.post(.shutDown)) }
            #expect(mailbox.post(.start(submission)))
            return outcome
        }
        try EventLoop(mailbox: mailbox, configuration: HTTPTransport.Configuration()).run()
        for outcome in outcomes { #expect(outcome.isSettled) }
        #expect(!mailbox.post(.shutDown))
    }
}
