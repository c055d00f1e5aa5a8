import CellgateBasics
import Synchronization

/// Progress of one or several jobs: bars that are drawn again on a terminal, plain lines now and then
/// elsewhere, nothing when silent. Any thread may report.
final class LiveDisplay: Sendable {
  private let lines: Mutex<ProgressLines>

  /// A display of jobs by their labels; `unit` is what a job counts: "steps".
  /// Elsewhere than on a terminal a job has a line every `plainInterval` seconds.
  init(
    _ labels: [String], unit: String, isSilent: Bool, plainInterval: Double = 5, terminal: Terminal = .output
  ) {
    lines = Mutex(
      ProgressLines(
        labels, unit: unit, isSilent: isSilent, plainInterval: plainInterval, terminal: terminal))
  }

  /// What a line says that stands for several jobs: what it counts, its share of the work, and the time left.
  struct Overall {
    let unit: String
    let share: Double
    let secondsLeft: Double?
  }

  /// A job is at `done` of `total`; the first call starts its clock.
  func update(_ index: Int, done: Int, total: Int, note: String, overall: Overall? = nil) {
    lines.withLock { $0.update(index, done: done, total: total, note: note, overall: overall) }
  }

  /// A job has ended; what it came to stands in its line.
  func finish(_ index: Int, verdict: String) { lines.withLock { $0.finish(index, verdict: verdict) } }

  /// A job's clock starts anew, as for the next run; with another label the line of the last one is left above.
  func restart(_ index: Int, label: String? = nil) { lines.withLock { $0.restart(index, label: label) } }

  /// Leaves the bars as they are; what is printed next stands below.
  func close() { lines.withLock { $0.close() } }
}

/// The lines of a `LiveDisplay`, and when they are printed.
private struct ProgressLines {
  /// One job's state.
  private struct Job {
    var label: String
    var overall: LiveDisplay.Overall?
    var done = 0
    var total = 0
    var first = 0
    var note = ""
    var started: Double?
    var ended: Double?
    var printed = -Double.infinity
    var verdict = ""
  }

  private let unit: String
  private let terminal: Terminal
  private let isSilent: Bool
  private var jobs: [Job]
  /// The widest label so far: lines don't move when labels change.
  private var labelWidth = 0
  private var drawnLines = 0
  private var lastDrawn = -Double.infinity

  /// How often plain lines are printed and bars are drawn again, in seconds.
  private let plainInterval: Double
  private static let redrawInterval = 0.1

  init(_ labels: [String], unit: String, isSilent: Bool, plainInterval: Double, terminal: Terminal) {
    self.plainInterval = plainInterval
    self.unit = unit
    self.terminal = terminal
    self.isSilent = isSilent
    jobs = labels.map { Job(label: $0) }
  }

  private var now: Double { ProcessInfo.processInfo.systemUptime }

  mutating func update(
    _ index: Int, done: Int, total: Int, note: String, overall: LiveDisplay.Overall?
  ) {
    guard !isSilent else { return }
    if jobs[index].started == nil {
      jobs[index].started = now
      jobs[index].first = done
      jobs[index].printed = now
    }
    jobs[index].done = done
    jobs[index].total = total
    jobs[index].note = note
    jobs[index].overall = overall
    if terminal.isInteractive {
      if now - lastDrawn >= Self.redrawInterval { draw() }
    } else if now - jobs[index].printed >= plainInterval {
      printPlain(index)
    }
  }

  mutating func finish(_ index: Int, verdict: String) {
    guard !isSilent else { return }
    jobs[index].ended = now
    jobs[index].verdict = verdict
    if terminal.isInteractive { draw() } else { printPlain(index) }
  }

  mutating func restart(_ index: Int, label: String?) {
    if let label {
      keep(jobs[index])
      jobs[index] = Job(label: label)
    }
    jobs[index].started = nil
    jobs[index].ended = nil
    jobs[index].verdict = ""
    jobs[index].printed = -Double.infinity
  }

  /// Leaves the line of a job that has ended above the others.
  private mutating func keep(_ job: Job) {
    guard !isSilent, terminal.isInteractive, drawnLines > 0, !job.verdict.isEmpty else { return }
    let text = Text.truncated("  \(job.label)  \(job.verdict)", to: (terminal.width ?? 80) - 1)
    Console.write("\u{1B}[\(drawnLines)A\r\u{1B}[J" + text + "\n")
    drawnLines = 0
    draw()
  }

  mutating func close() {
    guard !isSilent, terminal.isInteractive, drawnLines > 0 else { return }
    draw()
    drawnLines = 0
  }

  // MARK: Lines

  private func timing(_ job: Job) -> String {
    if !job.verdict.isEmpty { return job.verdict }
    if let overall = job.overall { return overall.secondsLeft.map { "ETA \(Text.duration($0))" } ?? "" }
    guard let started = job.started else { return "" }
    let elapsed = (job.ended ?? now) - started
    let made = job.done - job.first
    guard made > 0, elapsed > 0.2 else { return "" }
    let rate = Double(made) / elapsed
    let left = Double(max(0, job.total - job.done)) / rate
    return "\(Text.number(rate, digits: 3)) \(unit)/s  ETA \(Text.duration(left))"
  }

  private mutating func printPlain(_ index: Int) {
    let job = jobs[index]
    jobs[index].printed = now
    let parts = [
      "\(job.label):", "\(Text.count(job.done))/\(Text.count(job.total)) \(job.overall?.unit ?? unit)",
      job.note, timing(job),
    ]
    Console.print(parts.filter { !$0.isEmpty }.joined(separator: "  "))
  }

  private mutating func draw() {
    lastDrawn = now
    var text = drawnLines > 0 ? "\u{1B}[\(drawnLines)A" : ""
    labelWidth = jobs.reduce(labelWidth) { max($0, Text.width($1.label)) }
    let counts = jobs.map { Text.count($0.total).count * 2 + 1 }.max() ?? 0
    let width = terminal.width ?? 80
    for job in jobs {
      text += "\r" + line(job, labels: labelWidth, counts: counts, width: width) + "\u{1B}[K\n"
    }
    drawnLines = jobs.count
    Console.write(text)
  }

  private func line(_ job: Job, labels: Int, counts: Int, width: Int) -> String {
    let label = "  " + Text.padded(job.label, to: labels)
    let count = Text.padded(
      job.total > 0 ? "\(Text.count(job.done))/\(Text.count(job.total))" : "", to: counts, alignRight: true)
    let rest = [count, job.note, timing(job)].filter { !$0.isEmpty }.joined(separator: "  ")
    guard job.started != nil || job.ended != nil else { return terminal.styled(label + "  waiting", .dim) }
    let columns = min(30, width - labels - counts - 58)
    guard columns >= 6 else { return Text.truncated(label + "  " + rest, to: width - 1) }
    let share = job.overall?.share ?? (job.total > 0 ? min(1, Double(job.done) / Double(job.total)) : 0)
    let halves = Int((share * Double(columns * 2)).rounded(.down))
    let filled = String(repeating: "━", count: halves / 2) + (halves % 2 == 1 ? "╸" : "")
    let empty = String(repeating: "─", count: columns - Text.width(filled))
    let style: Style = job.ended == nil ? .cyan : share >= 1 || !job.verdict.isEmpty ? .green : .yellow
    let used = Text.width(label) + columns + 4
    return terminal.styled(label, .bold) + "  " + terminal.styled(filled, style)
      + terminal.styled(empty, .dim) + "  " + Text.truncated(rest, to: width - used - 1)
  }
}
