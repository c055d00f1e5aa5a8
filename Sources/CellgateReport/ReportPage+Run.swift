import CellgateCells
import CellgateCharts
import CellgateFiles
import CellgateTraining

extension ReportPage {
  /// All about one run.
  func run(_ run: ReportedRun, id: String, isOnly: Bool) -> HTML {
    let learning = figures.learning(run)
    let diagnostics = figures.diagnostics(run) + figures.gradients(run)
    let content = HTML([
      state(run), numbers(run), HTML(run.notes.map { .tag("p", ["class": "note"], HTML($0)) }),
      part("Learning", HTML(learning), style: "charts"),
      part("Diagnostics", HTML(diagnostics), style: "charts"), samples(run),
      .tag("div", ["class": "pair"], equations(run), settings(run)),
      .tag("p", ["class": "note"], "Folder: ", .tag("code", [:], HTML(quotedPath(run.folder)))),
    ])
    if isOnly { return .tag("section", ["class": "run", "id": id], content) }
    let count = report.runs.count
    let summary = HTML.tag(
      "summary", [:],
      .tag(
        "h3", [:], HTML(quotedName(run.settings.cell)),
        .tag("span", ["class": "faint"], HTML("  " + subtitle(run)))))
    // An address that names the section opens it too.
    return .tag(
      "details", ["class": "run", "open": count <= 3 ? "open" : nil], summary,
      .tag("section", ["id": id], content))
  }

  private func subtitle(_ run: ReportedRun) -> String {
    let units = NumberText.plural(run.settings.hidden, "unit")
    let state = run.result == nil ? ", \(run.state.name)" : ""
    return "\(units), seed \(run.settings.seed)\(state)"
  }

  private func quotedPath(_ path: String) -> String {
    // The end of a path says more than its beginning.
    path.count > 120 ? "…" + quotedName(String(path.suffix(119))) : quotedName(path)
  }

  private func part(_ title: String, _ content: HTML, style: String? = nil) -> HTML {
    content.isEmpty
      ? .empty
      : .tag(
        "section", ["class": "part"], .tag("h4", [:], HTML(title)), .tag("div", ["class": style], content))
  }

  // MARK: What came out

  /// Says so when a run is not complete.
  private func state(_ run: ReportedRun) -> HTML {
    let place = run.records.last.map { last in
      let whole = run.steps.map { " of \(NumberText.count($0))" } ?? ""
      return "The last evaluation is that of update \(NumberText.count(last.step))\(whole)."
    }
    let text: String
    switch run.state {
    case .complete: return .empty
    case .incomplete:
      text = "This run has no result yet: it is still going on, or was stopped and can be resumed."
    case .diverged(let divergence): text = "This run \(divergence)."
    }
    return .tag(
      "p", ["class": "state"],
      .tag("strong", [:], run.state.name == "diverged" ? "Diverged. " : "Incomplete. "),
      HTML([text, place ?? ""].filter { !$0.isEmpty }.joined(separator: " ")))
  }

  /// The result beside the baseline, and what it cost.
  private func numbers(_ run: ReportedRun) -> HTML {
    let (task, result) = (run.taskType, run.result)
    let metric = ReportFigures.words(task.metric.name)
    var entries: [(name: String, value: String, note: String)] = []
    let baseline = run.baseline.map {
      task.description.text(of: $0, value: NumberText.number($0.value))
    }
    if let result {
      entries.append(("Test \(metric)", NumberText.number(result.value), baseline ?? ""))
      for (name, value) in result.extras.sorted(by: { $0.key < $1.key }) {
        entries.append(("Test \(ReportFigures.words(name))", NumberText.number(value), ""))
      }
    } else if let best = run.best {
      entries.append(("Validation \(metric)", NumberText.number(best.validation.value), baseline ?? ""))
    }
    if !task.description.isOfOwnData {
      let solved = run.solvedAtStep.map { NumberText.count($0) } ?? "not solved"
      entries.append(("Solved at update", solved, "when \(ReportFigures.words(task.solved.description))"))
    }
    if let best = run.best {
      let value = NumberText.number(best.validation.value)
      let selection = ModelSelection(task, run.settings)
      let chosen = selection.other.map {
        "chosen by validation \(ReportFigures.words($0.name)) "
          + "\(NumberText.number(selection.value(best.validation))); "
      }
      entries.append(
        (
          "Best model at update", NumberText.count(best.step),
          (chosen ?? "") + "validation \(metric) \(value)"
        ))
    }
    if let parameters = run.parameters {
      let layers = run.settings.layers > 1 ? "\(NumberText.plural(run.settings.layers, "layer")) of " : ""
      entries.append(
        (
          "Parameters", NumberText.count(parameters),
          layers + NumberText.plural(run.settings.hidden, "hidden unit")
        ))
    }
    if let result {
      let whole = NumberText.duration(result.seconds)
      entries.append(
        ("Time per update", "\(NumberText.fixed(result.msPerStep, 1)) ms", "\(whole) in all"))
    }
    return .tag(
      "dl", ["class": "numbers"],
      HTML(
        entries.map { entry in
          .tag(
            "div", [:], .tag("dt", [:], HTML(entry.name)), .tag("dd", ["class": "value"], HTML(entry.value)),
            entry.note.isEmpty ? .empty : .tag("dd", ["class": "note"], HTML(entry.note)))
        }))
  }

  // MARK: What it is

  private func equations(_ run: ReportedRun) -> HTML {
    guard let cell = run.cell, !run.settings.isTransformer else { return .empty }
    let size = run.taskType.shape(run.settings).inputSize
    let count = NumberText.count(cell.parameterCount(inputSize: size, hiddenSize: run.settings.hidden))
    let note =
      "\(cell.summary). The first layer has \(count) parameters"
      + (run.settings.bidirectional ? " in each direction; " : "; ")
      + "\(cell.inputName) is the input, \(cell.states[0]) the output, ⊙ the elementwise product."
    return .tag(
      "section", ["class": "part"], .tag("h4", [:], HTML("The cell \(cell.name)")),
      EquationMarkup.table(cell),
      .tag("p", ["class": "note"], HTML(Self.sentence(note)), source(cell)))
  }

  private func source(_ cell: Cell) -> HTML {
    guard !cell.source.isEmpty else { return .empty }
    guard let start = cell.source.firstRange(of: "https://") else { return HTML(" " + cell.source + ".") }
    let address = String(
      cell.source[start.lowerBound...].prefix { !$0.isWhitespace && $0 != "," && $0 != ")" })
    let before = cell.source[..<start.lowerBound]
    let after = cell.source[start.lowerBound...].dropFirst(address.count)
    return HTML([
      HTML(" \(before)"), .tag("a", ["href": address, "rel": "noreferrer"], HTML(address)), HTML("\(after)."),
    ])
  }

  private func settings(_ run: ReportedRun) -> HTML {
    let list = SettingsList(run.settings, defaults: run.taskType.defaults)
    func row(_ entry: SettingsList.Entry) -> HTML {
      .tag(
        "tr", ["class": entry.usual == nil ? nil : "changed"], .tag("th", ["scope": "row"], HTML(entry.name)),
        .tag("td", ["class": "number"], HTML(entry.value)),
        .tag("td", ["class": "faint"], HTML(entry.usual.map { "instead of \($0)" } ?? "")))
    }
    let note =
      list.changed.isEmpty
      ? "All are the task's defaults." : "What differs from the task's defaults comes first."
    return .tag(
      "section", ["class": "part"], .tag("h4", [:], "Settings"),
      .tag(
        "table", ["class": "settings"],
        .tag("tbody", [:], HTML((list.changed + list.unchanged).map(row)))),
      .tag("p", ["class": "note"], HTML(note)))
  }
}
