internal import Glibc
internal import JSON
internal import KubeClient
internal import Workflows

/// Shows a run's steps: redrawn in place on a terminal, one plain line for each change in a pipe.
///
/// Colours are used on a terminal unless `NO_COLOR` is set (no-color.org).
struct ProgressDisplay {
    private let isTerminal: Bool
    private let usesColor: Bool
    private var drawnLines = 0
    private var frame = 0
    private var shown: [String: StepPhase] = [:]
    private var shownAttempts: [String: Int] = [:]
    private var shownUndoing: [String: StepPhase] = [:]
    private var hasBegun = false

    init(isTerminal: Bool) {
        self.isTerminal = isTerminal && ProcessEnvironment.variables["TERM"] != "dumb"
        usesColor = self.isTerminal && (ProcessEnvironment.variables["NO_COLOR"] ?? "").isEmpty
    }

    /// The state now.
    mutating func show(_ state: ProcessSummary) {
        isTerminal ? redraw(state) : printChanges(state)
    }

    /// The state at the end, and the result in words.
    mutating func finish(_ state: ProcessSummary) {
        show(state)
        let reason = state.errorMessage.map { ": \($0)" } ?? ""
        let line = "Process \(state.processId) \(state.status.rawValue)\(reason)"
        let color: Color = state.status == .completed ? .green : .red
        write(paint(line, color) + "\n")
    }

    // MARK: In a pipe

    private mutating func printChanges(_ state: ProcessSummary) {
        if !hasBegun {
            hasBegun = true
            write("Process \(state.processId) \(state.processType): \(state.stepCount) steps\n")
        }
        for step in state.steps
        where shown[step.name] != step.status || shownAttempts[step.name] != step.execution.attempt {
            shown[step.name] = step.status
            shownAttempts[step.name] = step.execution.attempt
            guard step.status != .pending else { continue }
            var line = "\(state.completionPercentage)% step \(step.name) \(step.status.rawValue)"
            if step.execution.attempt > 1 { line += ", attempt \(step.execution.attempt)" }
            if let message = step.execution.message { line += ": \(message)" }
            write(line + "\n")
        }
        for step in state.steps {
            guard let undoing = step.compensation?.execution.status, undoing != .pending,
                shownUndoing.updateValue(undoing, forKey: step.name) != undoing
            else { continue }
            write("undoing \(step.name) \(undoing.rawValue)\n")
        }
    }

    // MARK: On a terminal

    private mutating func redraw(_ state: ProcessSummary) {
        frame += 1
        let (rows, columns) = Self.terminalSize()
        var lines = ["\(state.processType)  \(bar(state.completionPercentage))  \(state.completionPercentage)%"]
        // What does not fit on the screen cannot be redrawn: the steps around the current one are shown.
        let room = max(1, rows - 3)
        let current = state.steps.firstIndex { $0.name == state.currentStep } ?? 0
        let first = max(0, min(current - room / 2, state.steps.count - room))
        for step in state.steps.dropFirst(first).prefix(room) { lines.append(line(of: step)) }
        var text = drawnLines > 0 ? "\u{1B}[\(drawnLines)A" : ""
        for line in lines { text += "\u{1B}[2K" + Self.clipped(line, columns) + "\n" }
        drawnLines = lines.count
        write(text)
    }

    private func line(of step: StepState) -> String {
        let spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
        var text = step.name
        if step.execution.attempt > 1 { text += " (attempt \(step.execution.attempt))" }
        if let message = step.execution.message { text += "  \(message)" }
        if let undoing = step.compensation?.execution.status, undoing != .pending {
            return "  " + paint("↶ \(text)  undoing: \(undoing.rawValue)", .yellow)
        }
        switch step.status {
        case .pending: return "  · \(text)"
        case .started: return "  " + paint("\(spinner[frame % spinner.count]) \(text)", .blue)
        case .waiting, .blocked: return "  " + paint("… \(text)", .yellow)
        case .undecided: return "  " + paint("? \(text)", .yellow)
        case .completed: return "  " + paint("✓ \(text)", .green)
        case .failed: return "  " + paint("✗ \(text)", .red)
        case .skipped, .omitted: return "  " + paint("- \(text)", .blue)
        case .cancelled: return "  " + paint("- \(text)", .yellow)
        }
    }

    private func bar(_ percentage: Int) -> String {
        let width = 20
        let full = percentage * width / 100
        return String(repeating: "█", count: full) + String(repeating: "░", count: width - full)
    }

    private enum Color: Int {
        case red = 31
        case green = 32
        case yellow = 33
        case blue = 34
    }

    private func paint(_ text: String, _ color: Color) -> String {
        usesColor ? "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// A line that wrapped would be two lines to go up. Escape sequences take no room, so a coloured line is cut late
    /// at worst by their length; the reset at its end is kept.
    private static func clipped(_ line: String, _ columns: Int) -> String {
        let invisible = line.contains("\u{1B}") ? 9 : 0
        guard line.count > columns + invisible else { return line }
        return String(line.prefix(columns + invisible - (invisible > 0 ? 4 : 0))) + (invisible > 0 ? "\u{1B}[0m" : "")
    }

    private static func terminalSize() -> (rows: Int, columns: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else {
            return (24, 80)
        }
        return (Int(size.ws_row), Int(size.ws_col))
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        // A reader that is gone does not matter to the process that runs.
        _ = Glibc.write(STDOUT_FILENO, bytes, bytes.count)
    }
}
