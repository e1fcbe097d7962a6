import Foundation

/// What the kernel says a process has used.
public struct ProcessUsage: Sendable {
    /// User and system time, in ticks of 10 ms.
    public let cpuSeconds: Double
    /// Memory that is resident now.
    public let residentMegabytes: Double

    /// Of a running process.
    public static func read(_ pid: Int) throws -> ProcessUsage {
        // After the name in brackets come state (3) and the rest; utime is field 14, stime 15, rss 24 (proc(5)).
        let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ").dropFirst()
        let values = Array(fields)
        let ticks = (Double(values[11]) ?? 0) + (Double(values[12]) ?? 0)
        return ProcessUsage(
            cpuSeconds: ticks / ticksPerSecond,
            residentMegabytes: (Double(values[21]) ?? 0) * Double(getpagesize()) / 1_048_576
        )
    }

    /// The CPU time of this process, to the microsecond.
    public static var ownCPUSeconds: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_utime.seconds + usage.ru_stime.seconds
    }

    /// Memory of this process that is resident now.
    public static func ownResidentMegabytes() throws -> Double { try read(Int(getpid())).residentMegabytes }

    /// The CPU time of everything on this machine.
    public static func machineCPUSeconds() throws -> Double {
        // user nice system idle iowait irq softirq steal: all but idle and iowait is work (proc(5)).
        let text = try String(contentsOfFile: "/proc/stat", encoding: .utf8)
        let values = text.prefix { $0 != "\n" }.split(separator: " ").dropFirst().map { Double($0) ?? 0 }
        return (values[0...2] + values[5...7]).reduce(0, +) / ticksPerSecond
    }

    /// The most memory of this process that was resident at once, since its start or the last reset.
    public static func ownPeakMegabytes() throws -> Double {
        let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return (line.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0) / 1024
    }

    /// Begins a new peak.
    public static func resetOwnPeak() throws {
        try "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
    }

    private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
}

extension timeval {
    fileprivate var seconds: Double { Double(tv_sec) + Double(tv_usec) / 1_000_000 }
}
