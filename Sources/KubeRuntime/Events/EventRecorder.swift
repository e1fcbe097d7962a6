internal import JSON
public import KubeClient
public import Logging
public import Metrics

/// Writes Kubernetes Events about objects: what `kubectl describe` and `kubectl get events` show.
///
/// Events are of core/v1, because `events.k8s.io` leaves `lastTimestamp` empty, by which people sort. Recording never
/// waits and never fails; events are sent in the background, with the numbers of client-go (`tools/record`):
/// - An event equal to an earlier one raises that one's count. When the API server has let that one expire, it is made
///   anew, with its count.
/// - From the tenth message of the same severity and reason about one object, with less than ten minutes between two,
///   they are combined into one event that shows the latest.
/// - Of one object's events 25 get through at once, and then one in five minutes.
/// - Events of one object are sent in order, those of up to four objects at once. One that the API server cannot take
///   now is tried twelve times, ten seconds apart; one that it refuses (its namespace is going away, say) is not.
/// - A thousand wait at most; what is recorded then is dropped, and the log says so once.
///
/// Metrics, labelled with the `component`: `event_recorder_sent_total`, the requests that succeeded; and
/// `event_recorder_dropped_total` by `reason`: `spam`, `full`, `undeliverable`.
public struct EventRecorder: Sendable {
    /// How serious an event is.
    public enum Severity: String, Sendable {
        /// Something went as it should.
        case normal = "Normal"
        /// Somebody should look.
        case warning = "Warning"
    }

    private let sink: any EventSink

    /// A recorder; `run()` must be running for events to be sent.
    /// - Parameters:
    ///   - client: needs `create` and `patch` on `events`.
    ///   - component: the controller's name, shown as the events' source.
    ///   - instance: which instance of it, usually the pod's name; the component's when nil.
    ///   - clock: measures the intervals above.
    ///   - metrics: makes the handlers; nil for that of `MetricsSystem` as it is now.
    public init(
        client: KubeClient,
        component: String,
        instance: String? = nil,
        logger: Logger,
        clock: some Clock<Duration> = ContinuousClock(),
        metrics: (any MetricsFactory)? = nil
    ) {
        let delivery = EventDelivery(client: client, component: component, instance: instance ?? component)
        sink = EventSender(
            clock: clock,
            component: component,
            logger: logger,
            metrics: metrics ?? MetricsSystem.factory,
            send: { try await delivery.send($0) }
        )
    }

    /// Records that something happened to an object. Returns at once; does nothing after `finish()`.
    /// - Parameters:
    ///   - reason: one CamelCase word for machines, why it happened.
    ///   - message: a sentence for people; cut at 1024 bytes.
    ///   - metadata: of the object.
    ///   - api: the object's kind.
    ///   - action: one CamelCase word for machines, what was done.
    ///   - related: another object that had to do with it.
    public func record(
        _ severity: Severity,
        _ reason: String,
        _ message: String,
        about metadata: ObjectMeta,
        of api: APIResource,
        action: String? = nil,
        related: EventObject? = nil
    ) {
        sink.record(
            RecordedEvent(
                object: EventObject(metadata, of: api),
                severity: severity,
                reason: reason,
                message: message,
                action: action,
                related: related,
                time: .now
            )
        )
    }

    /// Takes no more events. `run()` ends when those recorded so far are sent, but five seconds from now at the latest;
    /// until then what fails is tried again every second.
    public func finish() { sink.finish() }

    /// Sends what is recorded, until `finish()` or until the task is cancelled, which drops what has not been sent. To be
    /// called once.
    public func run() async { await sink.run() }
}
