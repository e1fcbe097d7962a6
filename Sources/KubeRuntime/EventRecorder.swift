internal import JSON
public import KubeClient
public import Logging
internal import Synchronization

/// Writes Kubernetes Events about objects: what `kubectl describe` and `kubectl get events` show.
///
/// Events are of core/v1, because `events.k8s.io` leaves `lastTimestamp` empty, by which people sort. Recording never
/// waits and never fails: events are sent in the background, the oldest are dropped when a thousand wait (client-go
/// `tools/record`), and one that cannot be delivered after a few attempts is logged and given up. An event equal to one
/// of the last ten minutes raises that one's count instead.
public struct EventRecorder: Sendable {
    /// How serious an event is.
    public enum Severity: String, Sendable {
        /// Something went as it should.
        case normal = "Normal"
        /// Somebody should look.
        case warning = "Warning"
    }

    /// Equal events within this time are counted together (client-go `tools/record/events_cache.go`).
    static let aggregationInterval: Duration = .seconds(600)
    /// How many kinds of events are remembered for counting (same source).
    static let rememberedEvents = 4096
    private static let capacity = 1000
    private static let attempts = 4

    private static let api = APIResource(version: "v1", kind: "Event", plural: "events")

    private struct Entry: Sendable, Hashable {
        let object: ObjectKey
        let uid: String
        let apiVersion: String
        let kind: String
        let severity: Severity
        let reason: String
        let message: String
    }

    private let client: KubeClient
    private let component: String
    private let logger: Logger
    private let entries: AsyncStream<(Entry, Timestamp)>
    private let continuation: AsyncStream<(Entry, Timestamp)>.Continuation

    /// A recorder; `run()` must be running for events to be sent.
    /// - Parameter component: shown as the events' source.
    public init(client: KubeClient, component: String, logger: Logger) {
        self.client = client
        self.component = component
        self.logger = logger
        (entries, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.capacity))
    }

    /// Records that something happened to an object. Returns at once.
    /// - Parameters:
    ///   - reason: one CamelCase word for machines.
    ///   - message: a sentence for people.
    public func record(
        _ severity: Severity,
        _ reason: String,
        _ message: String,
        about metadata: ObjectMeta,
        of api: APIResource
    ) {
        let entry = Entry(
            object: metadata.key,
            uid: metadata.uid,
            apiVersion: api.apiVersion,
            kind: api.kind,
            severity: severity,
            reason: reason,
            message: message
        )
        continuation.yield((entry, .now))
    }

    /// Takes no more events; `run()` ends when those recorded so far are sent.
    public func finish() { continuation.finish() }

    private struct Sent {
        let name: String
        var count: Int
        let at: ContinuousClock.Instant
    }

    /// Sends what is recorded, until `finish()` or until the task is cancelled, which drops what has not been sent.
    public func run() async {
        var sent: [Entry: Sent] = [:]
        for await (entry, time) in entries {
            let now = ContinuousClock.now
            if sent.count >= Self.rememberedEvents {
                sent = sent.filter { now - $0.value.at < Self.aggregationInterval }
                if sent.count >= Self.rememberedEvents { sent = [:] }
            }
            if var earlier = sent[entry], now - earlier.at < Self.aggregationInterval {
                earlier.count += 1
                sent[entry] = earlier
                await send(entry, time, update: earlier)
            } else {
                // Names have 253 characters at most (RFC 1123 subdomains).
                let suffix = String(UInt64.random(in: .min ... .max), radix: 16)
                let name = "\(entry.object.name.prefix(252 - suffix.count)).\(suffix)"
                guard await send(entry, time, create: name) else { continue }
                sent[entry] = Sent(name: name, count: 1, at: now)
            }
        }
    }

    /// - Returns: whether the event is there.
    private func send(_ entry: Entry, _ time: Timestamp, create name: String) async -> Bool {
        let event: JSONValue = [
            "metadata": ["name": .string(name), "namespace": .string(entry.object.namespace ?? "default")],
            "involvedObject": [
                "apiVersion": .string(entry.apiVersion), "kind": .string(entry.kind),
                "name": .string(entry.object.name), "uid": .string(entry.uid),
                "namespace": entry.object.namespace.map { .string($0) } ?? .null,
            ],
            "type": .string(entry.severity.rawValue), "reason": .string(entry.reason),
            "message": .string(String(entry.message.prefix(1024))),
            "firstTimestamp": time.wholeSeconds.json(), "lastTimestamp": time.wholeSeconds.json(), "count": 1,
            "source": ["component": .string(component)], "reportingComponent": .string(component),
            "reportingInstance": .string(component),
        ]
        return await deliver(entry) { resources in
            _ = try await resources.create(try DynamicObject(json: event))
        }
    }

    private func send(_ entry: Entry, _ time: Timestamp, update earlier: Sent) async {
        await deliver(entry) { resources in
            let change: JSONValue = [
                "count": .int(Int64(earlier.count)), "lastTimestamp": time.wholeSeconds.json(),
            ]
            _ = try await resources.patch(earlier.name, .merge(change))
        }
    }

    /// - Returns: whether the server took it.
    @discardableResult
    private func deliver(
        _ entry: Entry,
        _ request: (ResourceClient<DynamicObject>) async throws -> Void
    ) async -> Bool {
        var backoff = Backoff(initial: .milliseconds(200), maximum: .seconds(5), jitter: 1)
        for attempt in 1...Self.attempts {
            do {
                try await request(client.resources(Self.api, namespace: entry.object.namespace ?? "default"))
                return true
            } catch let error as KubeError where error.isRetryable && attempt < Self.attempts {
                try? await Task.sleep(for: backoff.next())
            } catch is CancellationError {
                return false
            } catch let error as KubeError where error.code == .alreadyExists {
                // An earlier attempt arrived although its answer did not.
                return true
            } catch {
                logger.notice(
                    "an event was not delivered",
                    metadata: ["reason": "\(error)", "event": "\(entry.reason)"]
                )
                return false
            }
        }
        return false
    }
}
