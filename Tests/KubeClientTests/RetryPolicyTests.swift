import HTTPTransport
import Testing

@testable import KubeClient

@Suite struct RetryPolicyTests {
    private let policy = RetryPolicy(maximumRetries: 10)
    private let operation = KubeOperation(verb: "get", resource: "pods", name: "a", namespace: "b")

    private func refusal(_ status: Int, retryAfter: String?, body: String = "") -> KubeError {
        KubeError(status: status, retryAfter: retryAfter, body: Array(body.utf8), operation: operation)
    }

    @Test(arguments: [429, 500, 503, 504], [true, false])
    func `a refusal that says when to come back is followed`(status: Int, isRead: Bool) {
        let failure = refusal(status, retryAfter: "30")
        #expect(policy.pause(after: failure, retries: 0, isRead: isRead) == .seconds(30))
        #expect(policy.pause(after: failure, retries: 9, isRead: isRead) == .seconds(30))
        #expect(policy.pause(after: failure, retries: 10, isRead: isRead) == nil)
    }

    @Test func `the time in the body counts where there is no header`() {
        let failure = refusal(429, retryAfter: nil, body: #"{"details": {"retryAfterSeconds": 3}}"#)
        #expect(policy.pause(after: failure, retries: 0, isRead: false) == .seconds(3))
    }

    @Test(arguments: [nil, "31", "Fri, 31 Dec 2027 23:59:59 GMT", "1.5", ""])
    func `anything but seconds, and few of them, is for the caller`(retryAfter: String?) {
        #expect(policy.pause(after: refusal(429, retryAfter: retryAfter), retries: 0, isRead: true) == nil)
    }

    @Test(arguments: [400, 401, 403, 404, 409, 410, 422])
    func `other refusals are for the caller whatever they say`(status: Int) {
        #expect(policy.pause(after: refusal(status, retryAfter: "1"), retries: 0, isRead: true) == nil)
    }

    @Test func `a version the server has not seen yet is for the caller, who may ask for another`() {
        let body = #"{"message": "Timeout: Too large resource version: 9, current: 1"}"#
        let failure = refusal(504, retryAfter: "1", body: body)
        #expect(failure.code == .resourceVersionTooLarge)
        #expect(policy.pause(after: failure, retries: 0, isRead: true) == nil)
    }

    @Test func `of transport failures only a lost connection is made good, and for reads only`() {
        let codes: [TransferError.Code] = [
            .shutDown, .timedOut, .idle, .couldNotResolve, .couldNotConnect, .tls, .bodyTooLarge, .invalidRequest,
            .other,
        ]
        for code in codes {
            let failure = KubeError(.transport(code), operation, "")
            #expect(policy.pause(after: failure, retries: 0, isRead: true) == nil)
        }
        let lost = KubeError(.transport(.connectionLost), operation, "")
        #expect(policy.pause(after: lost, retries: 0, isRead: true) == .seconds(1))
        #expect(policy.pause(after: lost, retries: 0, isRead: false) == nil)
    }
}
