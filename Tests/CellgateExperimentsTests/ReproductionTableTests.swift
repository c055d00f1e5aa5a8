import CellgateCharts
import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateExperiments
@testable import CellgateTraining

@Suite("A reproduction's table and figures")
struct ReproductionTableTests {
  private static func ended(
    _ cell: String, hidden: Int, _ value: Double, seed: UInt64, solved: Int?, steps: Int = 400
  ) -> RunQueue.Ended {
    let result = TrainingResult(
      task: "mean", cell: cell, seed: seed, hidden: hidden, parameters: 100 * hidden, metric: "accuracy",
      value: value, extras: [:], validationValue: value, bestStep: steps, solvedAtStep: solved, steps: steps,
      baseline: 0.1, seconds: 12, msPerStep: 3.14)
    return RunQueue.Ended(outcome: .completed(result), records: [], parameters: 100 * hidden)
  }

  /// Two seeds of two cells, hand-made, and perhaps a third cell that has not been run.
  private static func results(_ measure: Experiment.Measure = .value, cells count: Int = 3)
    -> ReproductionResults
  {
    var settings = MeanTask.defaults
    settings.hidden = 128
    let part = Experiment.Part(
      "128 units", settings, equal: [.units], paper: [.init("lstm", .units, 0.9816)])
    let cells = Array(["lstm", "lstm-wm", "gru"].prefix(count))
    let experiment = Experiment(
      task: "mean", budget: .quick, cells: cells, seeds: 2, measure: measure, parts: [part],
      paperNote: "98.16 % for the LSTM.")
    let all = [
      [
        ended("lstm", hidden: 128, 0.97, seed: 1, solved: 300, steps: 300),
        ended("lstm", hidden: 128, 0.99, seed: 2, solved: nil),
      ],
      [
        ended("lstm-wm", hidden: 128, 0.985, seed: 1, solved: 1200, steps: 1200),
        ended("lstm-wm", hidden: 128, 0.987, seed: 2, solved: 1300, steps: 1300),
      ],
      [],
    ]
    let rows = zip(cells, all).map { cell, ends in
      var own = settings
      own.cell = cell
      return ReproducedRow(
        summary: ComparisonRow(settings: own, metric: "accuracy", ended: ends),
        steps: ends.map { $0.result?.solvedAtStep }, paper: cell == "lstm" ? 0.9816 : nil)
    }
    let runs = all.flatMap { $0 }.compactMap(\.result).map { result in
      ReproducedRun(
        name: "\(result.cell)-\(result.seed)", part: "128 units", cell: result.cell, hidden: 128,
        seed: result.seed, state: .completed, stepsToReach: result.solvedAtStep, result: result)
    }
    return ReproductionResults(
      version: "0.1.0", task: "mean", budget: .quick, metric: "accuracy", better: "higher",
      solved: "accuracy ≥ 0.98", measure: measure, complete: false,
      comparisons: [
        ReproducedComparison(
          part: "128 units", equal: .units, baseline: 0.1, baselineLabel: "largest class", rows: rows)
      ],
      runs: runs + [
        ReproducedRun(name: "gru-1", part: "128 units", cell: "gru", hidden: 128, seed: 1, state: .pending)
      ], experiment: experiment,
      machine: Machine(
        processor: "Abacus", cores: 2, instructionSet: "portable", memoryBytes: 1e9, system: "Stone 1"),
      jobs: 2, threads: 2, wallSeconds: 62)
  }

  @Test("The table says what was found in the words that the paper uses, and what is not known")
  func table() {
    let text = ReproductionTable(Self.results()).text
    let expected = """
      # mean, reproduced: budget quick

          cellgate reproduce mean --budget quick --cells lstm,lstm-wm,gru --seeds 2

      **So far**: 4 of 5 runs have ended.

      ## 128 units, equal units

      | cell | units | parameters | test accuracy | seeds | solved | solved at step | ms per update | paper |
      | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
      | `lstm` | 128 | 12,800 | 98.00 % ± 1.41 % | 2 | 1 of 2 | not reached | 3.14 | 98.16 % |
      | `lstm-wm` | 128 | 12,800 | 98.60 % ± 0.14 % | 2 | 2 of 2 | 1,250 | 3.14 | no number |
      | `gru` | 128 | – | not run yet | 0 | – | – | – | no number |

      Without learning: 10.00 % (largest class).

      """
    #expect(text.hasPrefix(expected), "\(text)")
    #expect(text.contains("Paper: 98.16 % for the LSTM."))
    #expect(text.contains("![mean, test accuracy by parameters](accuracy-by-parameters.svg)"))
    #expect(text.contains("optimizer_settings.learning_rate 0.001"))
    #expect(
      text.hasSuffix("on Abacus, 2 cores, portable, Stone 1; 2 runs at a time, 2 threads; 1:02 in all.\n"))
  }

  @Test("What the cells are judged by stands out, the best of it, once each has several seeds")
  func best() {
    #expect(!ReproductionTable(Self.results()).text.contains("**98.60 %**"))
    let value = ReproductionTable(Self.results(cells: 2)).text
    #expect(value.contains("| **98.60 %** ± 0.14 % | 2 | 2 of 2 | 1,250 |"))
    let steps = ReproductionTable(Self.results(.stepsToSolve, cells: 2)).text
    #expect(steps.contains("| 98.60 % ± 0.14 % | 2 | 2 of 2 | **1,250** |"))
    let half = ReproductionTable(Self.results(.stepsToHalfBaseline, cells: 2)).text
    #expect(half.contains("| 98.60 % ± 0.14 % | 2 | 2 of 2 | 1,250 | **1,250** (2 of 2) |"))
  }

  @Test("Where steps to half the baseline count, the table has them too")
  func half() {
    let text = ReproductionTable(Self.results(.stepsToHalfBaseline)).text
    #expect(text.contains("| half the baseline at step |"))
    #expect(text.contains("| not reached (1 of 2) | 3.14 | 98.16 % |"))
    #expect(text.contains("| 1,250 (2 of 2) | 3.14 | no number |"))
  }

  @Test("A run reaches half the baseline at its first evaluation below it, and never if it diverges")
  func halfBaseline() {
    func record(_ step: Int, _ value: Double) -> MetricsRecord {
      MetricsRecord(
        step: step, trainingLoss: 0, validation: Evaluation(value), learningRate: 0, gradientNorm: 0)
    }
    var run = Self.ended("lstm", hidden: 4, 0.1, seed: 1, solved: 9)
    run.records = [record(10, 0.2), record(20, 0.1), record(30, 0.05)]
    #expect(Experiment.Measure.stepsToHalfBaseline.step(of: run, baseline: 0.2) == 20)
    #expect(Experiment.Measure.stepsToHalfBaseline.step(of: run, baseline: 0.01) == nil)
    #expect(Experiment.Measure.stepsToSolve.step(of: run, baseline: 0.2) == 9)
    run.outcome = .diverged(Divergence(step: 40, layer: "loss", tensor: "loss", found: "NaN", savedStep: nil))
    #expect(Experiment.Measure.stepsToHalfBaseline.step(of: run, baseline: 0.2) == nil)
  }

  @Test("Steps are a bar for the median and a dot for each seed, open where a seed never got there")
  func steps() {
    let (name, chart) = ReproductionFigures.measure(Self.results(.stepsToSolve))
    #expect(name == "steps-to-solve.svg")
    #expect(chart.categories == ["128 units\nequal units"])
    #expect(chart.series.map(\.name) == ["lstm", "lstm-wm", "gru"])
    #expect(chart.series[0].points.map(\.isOpen) == [false, true])
    #expect(chart.series[0].points.map(\.y) == [300, 400])
    #expect(chart.series[0].bars == [.init(0, 400, isOpen: true)])
    #expect(chart.series[1].bars == [.init(0, 1250)])
    #expect(chart.series[2].bars.isEmpty && chart.series[2].points.isEmpty)
  }

  @Test("Values stand over parameters with their spread, beside the paper's")
  func byParameters() {
    let (name, chart) = ReproductionFigures.measure(Self.results())
    #expect(name == "accuracy-by-parameters.svg")
    #expect(chart.series[0].points == [.init(12_800, 0.98)])
    #expect(chart.series[0].band.count == 1)
    #expect(chart.references == [.init(label: "paper, lstm", value: 0.9816)])
  }
}
