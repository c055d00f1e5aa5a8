import CellgateCharts
import CellgateExperiments
import CellgateFiles
import CellgateTraining

/// What several runs of one task have in common, and how they differ.
struct RunFamilies {
  /// The settings that differ between runs, and each run's values.
  let varying: (names: [String], values: [[String]])
  /// A name for each run that is the same for runs that differ in their seed alone.
  let names: [String]
  /// What each run's cell is called, so that cells of one name with other equations stay apart.
  let cells: [String]

  init(_ runs: [ReportedRun]) {
    let settings = runs.map(\.settings)
    let varying = SettingsList.varying(settings)
    let cells = Self.cells(settings)
    let sizes = Dictionary(grouping: zip(cells, settings), by: \.0).mapValues {
      Set($0.map(\.1.hidden)).count
    }
    names = zip(zip(cells, settings), varying.values).map { one, values in
      let size = (sizes[one.0] ?? 0) > 1 ? " \(NumberText.count(one.1.hidden))" : ""
      let rest = zip(varying.names, values).map { "\($0) \($1)" }
      return ([one.0 + size] + rest).joined(separator: ", ")
    }
    self.cells = cells
    self.varying = varying
  }

  private static func cells(_ settings: [TrainingSettings]) -> [String] {
    var texts: [String: [String?]] = [:]
    for one in settings where !(texts[one.cell] ?? []).contains(one.cellText) {
      texts[one.cell, default: []].append(one.cellText)
    }
    return settings.map { one in
      let all = texts[one.cell] ?? []
      let place = all.count > 1 ? all.firstIndex(of: one.cellText) : nil
      return quotedName(one.cell) + (place.map { " (equations \($0 + 1))" } ?? "")
    }
  }

  /// The places of the runs of each family, in the order in which the families begin.
  var members: [[Int]] {
    var order: [String] = []
    for name in names where !order.contains(name) { order.append(name) }
    return order.map { name in names.indices.filter { names[$0] == name } }
  }
}

extension ReportPage {
  /// The table and the chart of several runs of one task.
  func comparison(_ index: Int, _ group: Report.Group) -> HTML {
    let (runs, families) = (group.runs, RunFamilies(group.runs))
    let metric = group.task.metric
    let baseline = runs.lazy.compactMap(\.baseline).first
    let selections = Set(runs.map { group.task.description.selection($0.settings).name })
    let other = selections.count == 1 ? selections.first : nil
    let chosen =
      other.map { $0 == metric.name ? "" : ", chosen by validation \(ReportFigures.words($0))" } ?? ""
    var facts = [
      "Test \(ReportFigures.words(metric.name)) of the best model\(chosen), \(ReportFigures.better(metric))"
    ]
    if let baseline {
      let label = baseline.label.isEmpty ? "" : " (\(baseline.label))"
      facts.append("without learning \(NumberText.number(baseline.value))\(label)")
    }
    facts.append("solved when validation \(ReportFigures.words(group.task.solved.description))")
    if families.members.contains(where: { $0.count > 1 }) {
      facts.append("± is the standard deviation over seeds")
    }
    return .tag(
      "section", ["class": "comparison"], table(index, runs, families),
      .tag("p", ["class": "note"], HTML(facts.joined(separator: "; ") + ".")),
      differences(runs, families),
      .tag("div", ["class": "wide"], figures.comparison(runs, families: families.names)))
  }

  /// The most families of which every pair is shown; of more, each is compared with the first.
  private static let mostPaired = 6

  /// By how much families differ, seed by seed; nothing where no two have two seeds in common.
  private func differences(_ runs: [ReportedRun], _ families: RunFamilies) -> HTML {
    let all = families.members.map { places in
      (
        name: families.names[places[0]],
        values: Dictionary(
          places.compactMap { place in runs[place].result.map { (runs[place].settings.seed, $0.value) } }
        ) { first, _ in first }
      )
    }
    let isSmall = all.count <= Self.mostPaired
    let pairs = PairedDifference.all(all).filter {
      $0.low != nil && (isSmall || $0.reference == all[0].name)
    }
    guard !pairs.isEmpty else { return .empty }
    func cell(_ text: String, isNumber: Bool = true) -> HTML {
      .tag("td", ["class": isNumber ? "number" : nil], HTML(text))
    }
    let rows = pairs.map { pair -> HTML in
      let texts = pair.texts { NumberText.number($0, digits: 2) }
      return .tag(
        "tr", [:], .tag("th", ["scope": "row"], HTML("\(pair.cell) − \(pair.reference)")),
        cell(texts.difference),
        cell(texts.interval), cell("\(pair.seeds.count)"), cell(texts.verdict, isNumber: false))
    }
    let heads = ["difference", "mean", "95 % interval", "seeds", "says"].enumerated().map { place, text in
      HTML.tag("th", ["scope": "col", "class": (1...3).contains(place) ? "number" : nil], HTML(text))
    }
    let note =
      "Test \(ReportFigures.words(runs[0].taskType.metric.name)), seed by seed; the interval is of the mean, by "
      + "Student's t. One that has 0 in it (≈) may be chance."
    return .tag(
      "div",
      ["class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Differences of the runs"],
      .tag("table", [:], .tag("thead", [:], .tag("tr", [:], HTML(heads))), .tag("tbody", [:], HTML(rows))),
      .tag("p", ["class": "note"], HTML(note)))
  }

  private func table(_ index: Int, _ runs: [ReportedRun], _ families: RunFamilies) -> HTML {
    let metric = runs[0].taskType.metric
    func head(_ text: String, isNumber: Bool = true) -> HTML {
      .tag("th", ["scope": "col", "class": isNumber ? "number" : nil], HTML(text))
    }
    let columns =
      [head("cell", isNumber: false)] + families.varying.names.map { head($0) }
      + ["units", "parameters", "test \(ReportFigures.words(metric.name))", "solved at", "ms per step"]
      .map { head($0) }
    let means = families.members.map { Statistics.mean($0.compactMap { runs[$0].result?.value }) }
    let best = means.compactMap { $0 }.reduce(Double?.none) { best, value in
      best.map { metric.isBetter(value, than: $0) ? value : $0 } ?? value
    }
    let bodies = zip(families.members, means).map { places, mean -> HTML in
      let rows = places.map { row(runs[$0], families, index, $0, places.count > 1) }
      let isBest = mean != nil && mean == best && means.count(where: { $0 != nil }) > 1
      let summary = places.count > 1 ? familyRow(places.map { runs[$0] }, families, places[0]) : .empty
      return .tag("tbody", ["class": isBest ? "best" : nil], summary, HTML(rows))
    }
    return .tag(
      "div",
      ["class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Comparison of the runs"],
      .tag(
        "table", [:], .tag("thead", [:], .tag("tr", [:], HTML(columns))), HTML(bodies)))
  }

  /// The mean over the seeds of one family.
  private func familyRow(_ runs: [ReportedRun], _ families: RunFamilies, _ place: Int) -> HTML {
    let results = runs.compactMap(\.result)
    var value = Statistics.mean(results.map(\.value)).map { NumberText.number($0) } ?? "–"
    if let spread = Statistics.spread(results.map(\.value)) {
      // With the decimals of the mean, where it has some.
      let decimals = value.contains("e") ? nil : value.split(separator: ".").dropFirst().first?.count
      value += " ± " + (decimals.map { NumberText.fixed(spread, $0) } ?? NumberText.number(spread, digits: 2))
    }
    let solved = runs.count { $0.solvedAtStep != nil }
    // A run that did not solve the task counts as later than any other.
    let steps = Statistics.median(runs.map { $0.solvedAtStep.map(Double.init) ?? .infinity }) ?? .infinity
    let median = steps.isFinite ? NumberText.count(steps) + " " : ""
    let cells =
      families.varying.values[place].map { HTML.tag("td", ["class": "number"], HTML($0)) }
      + [
        NumberText.count(runs[0].settings.hidden), runs[0].parameters.map { NumberText.count($0) } ?? "–",
        value, median + "(\(solved) of \(runs.count))",
        Statistics.mean(results.map(\.msPerStep)).map { NumberText.fixed($0, 1) } ?? "–",
      ].map { .tag("td", ["class": "number"], HTML($0)) }
    return .tag(
      "tr", ["class": "family"],
      .tag(
        "th", ["scope": "row"], HTML(families.cells[place]),
        .tag("span", ["class": "faint"], HTML("  \(NumberText.plural(runs.count, "seed"))"))), HTML(cells))
  }

  private func row(
    _ run: ReportedRun, _ families: RunFamilies, _ group: Int, _ place: Int, _ isSeed: Bool
  ) -> HTML {
    let result = run.result
    let varying = families.varying.values[place]
    let label = isSeed ? "seed \(run.settings.seed)" : families.cells[place]
    let value =
      result.map { HTML(NumberText.number($0.value)) } ?? .tag("em", [:], HTML(run.state.name))
    let numbers: [HTML] =
      varying.map { HTML($0) } + [
        HTML(NumberText.count(run.settings.hidden)),
        HTML(run.parameters.map { NumberText.count($0) } ?? "–"), value,
        HTML(run.solvedAtStep.map { NumberText.count($0) } ?? (result == nil ? "–" : "not solved")),
        HTML(result.map { NumberText.fixed($0.msPerStep, 1) } ?? "–"),
      ]
    let name = HTML.tag("a", ["href": "#" + Self.identifier(group, place)], HTML(label))
    return .tag(
      "tr", ["class": isSeed ? "seed" : nil], .tag("th", ["scope": "row"], name),
      HTML(numbers.map { .tag("td", ["class": "number"], $0) }))
  }
}
