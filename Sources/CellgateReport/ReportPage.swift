import CellgateBasics
import CellgateCharts
import CellgateFiles
import CellgateTraining

/// The page of a report: heading, comparisons, then each run.
struct ReportPage {
  let report: Report
  let figures: ReportFigures

  init(_ report: Report) {
    self.report = report
    // A page of many runs keeps its size by coarser curves.
    figures = ReportFigures(points: max(100, min(SVGChart.figurePoints, 20_000 / max(1, report.runs.count))))
  }

  /// The whole page.
  var html: String {
    let policy =
      "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-\(Self.scriptHash)'"
    let head = HTML.tag(
      "head", [:], .tag("meta", ["charset": "utf-8"]),
      .tag("meta", ["http-equiv": "Content-Security-Policy", "content": policy]),
      .tag("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
      .tag("meta", ["name": "color-scheme", "content": "light dark"]),
      .tag("title", [:], HTML(title)), .tag("style", [:], HTML(markup: ReportStyle.sheet)))
    let body = HTML.tag(
      "body", [:],
      .tag("main", [:], header, HTML(report.groups.enumerated().map { group($0.offset, $0.element) })),
      .tag("script", [:], HTML(markup: ReportStyle.script)))
    return "<!DOCTYPE html>\n" + HTML.tag("html", ["lang": "en"], head, body).source + "\n"
  }

  private static let scriptHash: String = {
    var hash = SHA256()
    hash.update(Array(ReportStyle.script.utf8))
    let digits = Array(hash.finish())
    let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(digits[$0..<$0 + 2]), radix: 16)
    }
    return Data(bytes).base64EncodedString()
  }()

  // MARK: Heading

  private var title: String {
    if report.runs.count == 1, let run = report.runs.first {
      return "\(quotedName(run.settings.cell)) on \(run.settings.task)"
    }
    let tasks = report.groups.reduce(into: [String]()) { names, group in
      if !names.contains(group.task.name) { names.append(group.task.name) }
    }
    return "\(NumberText.plural(report.runs.count, "run")) of \(NumberText.list(tasks))"
  }

  private var header: HTML {
    let states = ["complete", "incomplete", "diverged"].compactMap { name -> String? in
      let count = report.runs.count { $0.state.name == name }
      return count > 0 ? "\(NumberText.count(count)) \(name)" : nil
    }
    let isOne = report.runs.count == 1
    let summary = isOne ? (report.runs.first?.taskType.summary ?? "") : NumberText.list(states)
    return .tag(
      "header", ["class": "page"], .tag("p", ["class": "brand"], "Cellgate report"),
      .tag("h1", [:], HTML(title)), .tag("p", ["class": "lead"], HTML(Self.sentence(summary))),
      HTML(report.leftOut.map { .tag("p", ["class": "note"], HTML("A run is left out: \($0).")) }))
  }

  /// A text with a capital and a full stop.
  static func sentence(_ text: String) -> String {
    text.isEmpty ? "" : text.prefix(1).uppercased() + text.dropFirst() + (text.hasSuffix(".") ? "" : ".")
  }

  // MARK: Groups

  private func group(_ index: Int, _ group: Report.Group) -> HTML {
    let isOnly = report.runs.count == 1
    var parts: [HTML] = []
    if !isOnly {
      parts.append(.tag("h2", [:], HTML(Self.name(of: group))))
      parts.append(.tag("p", ["class": "lead"], HTML(Self.sentence(group.task.summary))))
    }
    if group.runs.count > 1 { parts.append(comparison(index, group)) }
    for (place, run) in group.runs.enumerated() {
      parts.append(self.run(run, id: Self.identifier(index, place), isOnly: isOnly))
    }
    return .tag("section", ["class": "group"], HTML(parts))
  }

  /// "adding, length 200".
  private static func name(of group: Report.Group) -> String {
    let options = group.options.sorted { $0.key < $1.key }.map {
      "\(quotedName($0.key)) \($0.value.whole.map { NumberText.count($0) } ?? quotedName($0.value.description))"
    }
    return ([group.task.name] + options).joined(separator: ", ")
  }

  /// Where a run stands on the page.
  static func identifier(_ group: Int, _ run: Int) -> String { "run-\(group + 1)-\(run + 1)" }
}
