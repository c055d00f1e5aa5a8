import CellgateCells
import CellgateTasks
import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateExperiments
@testable import CellgateTraining

@Suite("Studies")
struct StudyTests {
  private func ended(_ msPerStep: Double, _ values: [Double]) -> RunQueue.Ended {
    let records = values.enumerated().map { place, value in
      MetricsRecord(
        step: 10 * (place + 1), trainingLoss: 0, validation: Evaluation(value), learningRate: 1,
        gradientNorm: 1)
    }
    let result = TrainingResult(
      task: "t", cell: "c", seed: 1, hidden: 1, parameters: 1, metric: "m", value: 0, extras: [:],
      validationValue: 0, selection: nil, selectionValue: nil, bestStep: 1, solvedAtStep: nil,
      steps: 10 * values.count, baseline: 0, seconds: 0, msPerStep: msPerStep)
    return RunQueue.Ended(outcome: .completed(result), records: records, parameters: 1)
  }

  @Test("The time is that of the fastest cell, and a value the best that there was by then")
  func equalTime() {
    let (fast, slow) = (ended(1, [3, 1, 2]), ended(2, [5, 4, 0]))
    let time = EqualTime([[fast, fast], [slow], []])
    #expect(time.seconds == 0.03)
    #expect(time.value([fast], lowerIsBetter: true) == 1)
    #expect(time.value([fast], lowerIsBetter: false) == 3)
    #expect(time.value([slow], lowerIsBetter: true) == 5)
    #expect(time.value([fast, slow], lowerIsBetter: true) == 3)
    #expect(time.value([ended(100, [1])], lowerIsBetter: true) == nil)
    #expect(EqualTime([[], []]).seconds == nil)
  }

  @Test("What is kept of a text grows with a Transformer and not with a cell")
  func costs() throws {
    var settings = PTBCharacterTask.defaults
    settings.hidden = 8
    let cell = try #require(Cell.ofTransformer)
    let lstm = GenerationCost.measure(
      settings, cell: .lstm, symbols: 5, lengths: [3, 70], shouldStop: { false })
    #expect(lstm?.map(\.stateBytes) == [64, 64])
    settings.useTransformer()
    let transformer = GenerationCost.measure(
      settings, cell: cell, symbols: 5, lengths: [3, 70], shouldStop: { false })
    // Keys in blocks of 64, values, and two numbers that count the steps.
    #expect(transformer?.map(\.stateBytes) == [4 * (2 + 8 * (64 + 3)), 4 * (2 + 8 * (128 + 70))])
    #expect(transformer?.allSatisfy { $0.msPerSymbol > 0 } == true)
    #expect(
      GenerationCost.measure(settings, cell: cell, symbols: 5, lengths: [90], shouldStop: { true }) == nil)
  }

  @Test("Every experiment of a study can be made in every budget, and is known by its name")
  func studies() throws {
    for name in Experiments.studyNames {
      for budget in Budget.allCases {
        let study = try #require(Experiments.study(name, budget))
        for experiment in study.experiments {
          #expect(try Experiments.named(experiment.title, budget) == experiment)
          #expect(experiment.problems(tasks: Tasks.all) == [], "\(experiment.title), \(budget)")
        }
      }
    }
    #expect(Experiments.study("adding", .smoke) == nil)
  }

  @Test("A page has the command with all that was typed")
  func page() throws {
    var study = try #require(Experiments.study("transformer", .smoke))
    for place in study.experiments.indices { study.experiments[place].options = ["--search", "--epochs 2"] }
    let text = StudyTable(study, StudyResults(study)).text
    #expect(text.contains("\n    cellgate reproduce transformer --budget smoke --search --epochs 2\n"))
  }
}
