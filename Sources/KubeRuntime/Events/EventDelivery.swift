internal import JSON
internal import KubeClient

/// The requests that make an event and bring it up to date.
struct EventDelivery: Sendable {
    static let api = APIResource(version: "v1", kind: "Event", plural: "events")

    let client: KubeClient
    /// Which controller speaks.
    let component: String
    /// Which of its instances.
    let instance: String

    /// Makes the API server say what the letter says. Safe to repeat when it is not known whether it arrived.
    func send(_ letter: EventOutbox.Letter) async throws {
        let events = client.resources(Self.api, namespace: letter.event.object.eventNamespace)
        if letter.isNew {
            do {
                try await create(letter, events)
            } catch let error as KubeError where error.code == .alreadyExists {
                // An earlier attempt arrived although its answer did not.
                try await update(letter, events)
            }
        } else {
            do {
                try await update(letter, events)
            } catch let error as KubeError where error.code == .notFound {
                // Events expire, after an hour by default (`--event-ttl` of kube-apiserver).
                try await create(letter, events)
            }
        }
    }

    private func create(_ letter: EventOutbox.Letter, _ events: ResourceClient<DynamicObject>) async throws {
        _ = try await events.create(try DynamicObject(json: json(letter)))
    }

    private func update(_ letter: EventOutbox.Letter, _ events: ResourceClient<DynamicObject>) async throws {
        let series = letter.series
        let change: JSONValue = [
            "count": .int(Int64(series.count)), "lastTimestamp": series.last.wholeSeconds.json(),
            "message": .string(series.message),
        ]
        _ = try await events.patch(series.name, .merge(change))
    }

    private func json(_ letter: EventOutbox.Letter) -> JSONValue {
        let (event, series) = (letter.event, letter.series)
        var json: JSONValue = [
            "metadata": ["name": .string(series.name), "namespace": .string(event.object.eventNamespace)],
            "involvedObject": event.object.json,
            "type": .string(event.severity.rawValue), "reason": .string(event.reason),
            "message": .string(series.message), "count": .int(Int64(series.count)),
            "firstTimestamp": series.first.wholeSeconds.json(), "lastTimestamp": series.last.wholeSeconds.json(),
            "source": ["component": .string(component)],
            "reportingComponent": .string(component), "reportingInstance": .string(instance),
        ]
        if let action = event.action { json["action"] = .string(action) }
        if let related = event.related { json["related"] = related.json }
        return json
    }
}
