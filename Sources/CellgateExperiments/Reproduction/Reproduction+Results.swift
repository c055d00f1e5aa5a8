import CellgateBasics
import CellgateCharts
import CellgateFiles
import CellgateTensor
import CellgateTraining

/// What is known so far.
extension Reproduction {
  /// What the numbers were made with.
  var origin: (machine: Machine, jobs: Int, threads: Int) {
    if isMadeEarlier, let earlier { return (earlier.machine, earlier.jobs, earlier.threads) }
    return (.current, jobs, ThreadPool.current.threads)
  }

  /// What is known so far.
  public var results: ReproductionResults {
    let task = queue.task
    let comparisons = zip(experiment.comparisons, members).map { comparison, cells in
      let (part, settings) = comparison
      let paper = experiment.parts[part].paper
      let equalTime = EqualTime(cells.map { $0.compactMap { ended[$0] } })
      return ReproducedComparison(
        part: experiment.parts[part].label, equal: settings.equal, baseline: baselines[part].value,
        baselineLabel: baselines[part].label, equalSeconds: equalTime.seconds,
        rows: cells.map { places in
          let run = runs[places[0]].settings
          let ends = places.compactMap { ended[$0] }
          return ReproducedRow(
            summary: ComparisonRow(settings: run, metric: task.metric.name, ended: ends),
            steps: ends.map { experiment.measure.step(of: $0, baseline: baselines[part].value) },
            paper: run.isKnown()
              ? paper.first { $0.cell == run.cell && $0.equal == settings.equal }?.value : nil,
            searched: isSearched && search?.best(for: experiment.folderName(of: run), seed: run.seed) != nil
              ? run : nil,
            tests: experiment.parts[part].tests.map { tests in
              tests.indices.map { row(tests[$0].label, $0, ends) }
            },
            equalTimeValue: equalTime.value(ends, lowerIsBetter: task.metric.direction == .lower),
            trainingBytes: memory(run))
        }, differences: differences(cells) { $1.value },
        stepDifferences: experiment.measure == .value
          ? nil
          : differences(cells) {
            Double(experiment.measure.step(of: $0, baseline: baselines[part].value) ?? $1.steps)
          },
        testDifferences: experiment.parts[part].tests.map { tests in
          tests.indices.map { test in
            TestedDifferences(
              label: tests[test].label, differences: differences(cells) { end, _ in end.tests[test].value })
          }
        })
    }
    return ReproductionResults(
      version: CellgateVersion.current, task: experiment.task, budget: experiment.budget,
      metric: task.metric.name, better: task.metric.direction.rawValue, solved: task.solved.description,
      measure: experiment.measure, complete: ended.count == runs.count, comparisons: comparisons,
      runs: runs.map(reproduced), experiment: experiment, machine: origin.machine, jobs: origin.jobs,
      threads: origin.threads, search: search?.results,
      wallSeconds: (earlier?.wallSeconds ?? 0) + (isMadeEarlier ? 0 : began.secondsSince))
  }

  /// What the models of some runs reach in a test.
  func row(_ label: String, _ test: Int, _ ends: [RunQueue.Ended]) -> TestedRow {
    let values = ends.filter { $0.result != nil }.map { $0.tests[test].value }
    return TestedRow(label: label, mean: Statistics.mean(values), spread: Statistics.spread(values))
  }

  /// The differences of each pair of a comparison's cells, by what a complete run has.
  func differences(
    _ cells: [[Int]], _ value: (RunQueue.Ended, TrainingResult) -> Double
  ) -> [PairedDifference] {
    PairedDifference.all(
      cells.map { places in
        var values: [UInt64: Double] = [:]
        for place in places {
          guard let end = ended[place], let result = end.result else { continue }
          values[runs[place].settings.seed] = value(end, result)
        }
        return (runs[places[0]].settings.cell, values)
      })
  }

  func reproduced(_ run: Run) -> ReproducedRun {
    let end = ended[run.index]
    var result = ReproducedRun(
      name: run.name, part: run.part, cell: run.settings.cell, hidden: run.settings.hidden,
      seed: run.settings.seed, state: .pending)
    guard let end else { return result }
    result.stepsToReach = experiment.measure.step(of: end, baseline: baselines[run.partIndex].value)
    switch end.outcome {
    case .completed(let value):
      (result.state, result.result) = (.completed, value)
      result.tests = end.tests.isEmpty ? nil : end.tests
    case .diverged(let divergence): (result.state, result.divergedAtStep) = (.diverged, divergence.step)
    case .paused: break
    }
    return result
  }

  /// The figures so far, by the names of their files.
  public var figures: [(name: String, chart: SVGChart)] {
    let results = results
    var figures: [(name: String, chart: SVGChart)] = []
    for (comparison, cells) in zip(results.comparisons, members) {
      let own = zip(comparison.rows, cells).map { ($0.summary.cell, $1.compactMap { ended[$0] }) }
      let title = experiment.title + (experiment.parts.count > 1 ? ", " + comparison.part : "")
      let chart = LearningCurves.chart(
        queue.task, title: title, equal: comparison.equal, rows: comparison.rows.map(\.summary),
        baseline: Baseline(comparison.baseline, comparison.baselineLabel),
        ended: Dictionary(uniqueKeysWithValues: own))
      figures.append((ReproductionFigures.curvesName(comparison), chart))
    }
    return figures + [ReproductionFigures.measure(results)]
  }

  func writeResults() throws(TrainingError) -> ReproductionResults {
    let results = results
    guard let path else { return results }
    do throws(FileError) {
      try AtomicFile.write(results.encoded(), to: path + "/results.json")
      for (name, chart) in figures {
        try AtomicFile.write(Data(chart.render().utf8), to: path + "/" + name)
      }
      try AtomicFile.write(Data(ReproductionTable(results).text.utf8), to: path + "/results.md")
    } catch { throw .run(.file(error)) }
    return results
  }
}
