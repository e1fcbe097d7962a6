import ArgumentParser

/// Which figures are wanted.
enum Topic: String, ExpressibleByArgument, CaseIterable {
    case list, watch, memory, reconcile, patch, idle
}

/// A row of the table.
struct Figure: Sendable {
    let topic: Topic
    let title: String
    /// As in the table of aims that `docs/performance.md` has.
    let aim: String
    /// Of the probe, without the cluster's.
    let arguments: [String]
    let result: @Sendable (Reading) -> String

    static func all(objects: Int) -> [Figure] {
        lists(objects) + watches(objects) + memory(objects) + queues() + patches(objects) + idle(objects)
    }

    private static func lists(_ objects: Int) -> [Figure] {
        let kinds = [
            ("bytes", "bytes alone"), ("typed", "typed"), ("streamed", "typed, streamed"), ("dynamic", "dynamic"),
            ("pages", "typed, pages of 500"),
        ]
        return kinds.flatMap { subject, title in
            [false, true].map { gzip in
                Figure(
                    topic: .list,
                    title: "list of \(objects) x 1.9 kB: \(title)\(gzip ? ", gzip" : "")",
                    aim: subject == "bytes" ? "" : "0.4 s, 50 MB",
                    arguments: [subject, "--count", "\(objects)"] + (gzip ? ["--gzip"] : []),
                    result: { "\($0.seconds.text(2)) s" }
                )
            }
        }
    }

    private static func watches(_ objects: Int) -> [Figure] {
        [
            (Population.small.namespace, objects, "1.9 kB", "0.026"),
            (Population.large.namespace, objects / 4, "18 kB", "0.2"),
        ]
        .map { namespace, count, size, aim in
            Figure(
                topic: .watch,
                title: "watch, \(count) events of \(size)",
                aim: "\(aim) ms CPU each",
                arguments: ["watch", "--namespace", namespace, "--count", "\(count)"],
                result: { "\($0.milliseconds(\.client).text(3)) ms CPU each, \($0.rate.text(0))/s" }
            )
        }
    }

    private static func memory(_ objects: Int) -> [Figure] {
        [
            Figure(
                topic: .memory,
                title: "store of \(objects) x 1.9 kB",
                aim: "3 MB per 1,000",
                arguments: ["memory", "--count", "\(objects)"],
                result: { reading in
                    let each = (reading.after - reading.before) * 1000 / reading.count
                    return
                        "\(each.text(1)) MB per 1,000: \(reading.before.text(0)) MB before, \(reading.after.text(0)) "
                        + "after, \(reading.trimmed.text(0)) trimmed; relist: peak \(reading.relistPeak.text(0)), "
                        + "\(reading.relisted.text(0)) after"
                }
            )
        ]
    }

    private static func queues() -> [Figure] {
        [("queue", "work queue alone", ""), ("reconcile", "empty reconciles, one worker", "50,000/s")].map {
            subject,
            title,
            aim in
            Figure(
                topic: .reconcile,
                title: title,
                aim: aim,
                arguments: [subject, "--count", "200000"],
                result: { "\($0.rate.text(0))/s, \(($0.milliseconds(\.client) * 1000).text(1)) us CPU each" }
            )
        }
    }

    private static func patches(_ objects: Int) -> [Figure] {
        [1, 8, 32].map { parallel in
            Figure(
                topic: .patch,
                title: "status patches, \(parallel) in flight",
                aim: "0.18 ms CPU each",
                arguments: ["patch", "--parallel", "\(parallel)", "--count", "\(min(2000, objects))"],
                result: { reading in
                    "\(reading.milliseconds(\.client).text(2)) ms CPU each, \(reading.rate.text(0))/s; API server "
                        + "\(reading.milliseconds(\.apiServer).text(2)) ms each"
                }
            )
        }
    }

    private static func idle(_ objects: Int) -> [Figure] {
        [
            Figure(
                topic: .idle,
                title: "idle, controller with \(objects / 2) objects",
                aim: "near zero",
                arguments: ["idle", "--count", "\(objects / 2)"],
                result: { "\(($0.client * 1000).text(1)) ms CPU in \($0.seconds.text(0)) s" }
            )
        ]
    }
}

extension Reading {
    fileprivate var rate: Double { count / seconds }

    /// CPU time for each object, event, key or patch.
    fileprivate func milliseconds(_ path: KeyPath<Reading, Double>) -> Double { self[keyPath: path] * 1000 / count }
}
