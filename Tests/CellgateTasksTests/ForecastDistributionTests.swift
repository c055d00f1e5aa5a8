import CellgateBasics
import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Distributions of forecasts")
struct ForecastDistributionTests {
  private let base = ForecastTaskTests()

  private static func settings(_ output: SeriesPreprocessing.Output) -> TrainingSettings {
    ForecastTaskTests.settings {
      $0.taskOptions["output"] = .text(output.rawValue)
      $0.optimizerSettings.learningRate = 0.01
      $0.hidden = 16
      $0.dropout = 0
    }
  }

  /// 300 counts of a negative binomial distribution whose mean has a season of 8 steps, drawn by their quantiles.
  private static func counts(_ mean: Double = 6, shape: Double = 4) -> String {
    var stream = RandomStream(seed: 5, name: "counts")
    return ForecastTaskTests.table(300) { step in
      let own = mean * (1 + 0.8 * sin(Double(step) * .pi / 4))
      return "\(Int(NegativeBinomial(mean: own, shape: shape).quantile(Double(stream.uniform()))))"
    }
  }

  private func batch(_ task: ForecastTask) throws -> ForecastBatch {
    try #require(task.batches.batches(of: .test).first { _ in true })
  }

  @Test(
    "A quantile's score is what it was taken at, and quantiles grow",
    arguments: SeriesPreprocessing.Output.allCases)
  func scores(_ output: SeriesPreprocessing.Output) throws {
    let task = try base.task(Self.counts(), Self.settings(output))
    let model = task.makeModel(cell: .gru)
    base.train(task, model, task.settings, steps: 20)
    let batch = try batch(task)
    let found = task.objective.forecast(model, batch, context: .inference())
    for index in stride(from: 0, to: found.mean.count, by: 7) {
      let values = [-2, -1.2, 0, 0.7, 1.9].map { found.quantile(index, normal: $0) }
      #expect(zip(values, values.dropFirst()).allSatisfy { $0 <= $1 })
      if case .counts = found.distribution { continue }
      for (z, value) in zip([-2, -1.2, 0, 0.7, 1.9], values) {
        #expect(abs(found.score(index, of: value) - z) < 1e-3)
      }
    }
    // The interval's ends are such quantiles, too.
    for (z, ends) in [(-ForecastValues.reach, found.lower), (ForecastValues.reach, found.upper)] {
      for index in ends.indices {
        let own = found.quantile(index, normal: z)
        if case .counts = found.distribution {
          // A hair apart Φ(z) and 0.1 may lie on both sides of a count's step.
          #expect(abs(own - ends[index]) < 1.5 / Float(task.objective.data.channels[0].scale.deviation))
        } else {
          #expect(abs(own - ends[index]) < 2e-4)
        }
      }
    }
  }

  @Test("Counts are forecast in whole numbers from 0 on, and their interval covers what it should")
  func countForecast() throws {
    let settings = Self.settings(.negativeBinomial)
    let task = try base.task(Self.counts(), settings)
    let model = task.makeModel(cell: .gru)
    base.train(task, model, settings, steps: 300)
    let names = ForecastTask.extraMetrics.map(\.name)
    let extras = task.evaluate(model, on: .test).extras
    func value(_ name: String) throws -> Double { extras[try #require(names.firstIndex(of: name))] }
    // Of 60 test steps at most, three apart; an interval of counts covers 0.8 or more.
    #expect(try value("coverage") > 0.6)
    #expect(try value("skill_persistence") > 0.3)
    #expect(try value("crps") > 0 && value("crps") < 1)
    model.metadata = task.modelMetadata
    let scratch = try Scratch()
    try scratch.write(Array(Self.counts().utf8), as: "new.csv")
    let forecaster = try #require(Forecaster(model))
    let own = forecaster.preprocessing
    let table = try SeriesTable(scratch.path + "/new.csv", columns: own.columns, step: own.step)
    for row in try forecaster.forecast(table) {
      for count in [row.q10, row.q50, row.q90] { #expect(count >= 0 && count == count.rounded()) }
      #expect(row.mean > 0 && row.q10 <= row.q50 && row.q50 <= row.q90)
    }
  }

  @Test("A forecast of counts begins at the base, with about the deviation of the series")
  func start() throws {
    let task = try base.task(Self.counts(40, shape: 1e6), Self.settings(.negativeBinomial))
    let batch = try batch(task)
    let found = task.objective.forecast(task.makeModel(cell: .gru), batch, context: .inference())
    guard case .counts(let means, let shapes, _, let scales) = found.distribution else {
      Issue.record("expected counts")
      return
    }
    for index in means.indices {
      let base = (Double(batch.bases[index]) * scales[0].deviation) + scales[0].mean
      // Near 0 the mean stays above it.
      if base > scales[0].deviation { #expect(abs(means[index] - base) < 0.01 * base) }
      let deviation = NegativeBinomial(mean: scales[0].mean, shape: shapes[index]).deviation
      #expect(deviation > 0.7 * scales[0].deviation && deviation < 1.5 * scales[0].deviation)
    }
  }

  @Test("What is no count is named with its line")
  func noCounts() {
    for text in ["-1", "2.5"] {
      do {
        _ = try base.task(
          ForecastTaskTests.table { $0 == 40 ? text : "\($0 % 5)" }, Self.settings(.negativeBinomial))
        Issue.record("expected an error")
      } catch {
        let end = "line 42: column 'v': expected a count, a whole number of 0 or more, found '\(text)'"
        #expect("\(error)".hasSuffix(end))
      }
    }
  }

  @Test("The table of Student's quantile is right between its places")
  func reach() {
    for degrees in [2.01, 2.013, 2.7, 3.333, 11, 480, 1e6] {
      let exact = StudentTDistribution(degrees: degrees).quantile(0.9)
      #expect(abs(Double(ForecastDistributions.reach(degrees: Float(degrees))) - exact) < 2e-6)
    }
  }

  @Test("A file of an earlier version says whether its forecasts are normal")
  func earlier() throws {
    let task = try base.task(ForecastTaskTests.table(), Self.settings(.gaussian))
    let text = try #require(task.modelMetadata["preprocessing"])
    let earlier = text.replacingOccurrences(of: "\"distribution\":\"gaussian\"", with: "\"is_gaussian\":true")
    #expect(earlier != text)
    let read = try #require(try Preprocessing(metadata: ["preprocessing": earlier]).series)
    #expect(read.output == .gaussian)
    let quantiles = earlier.replacingOccurrences(of: "gaussian\":true", with: "gaussian\":false")
    #expect(try Preprocessing(metadata: ["preprocessing": quantiles]).series?.output == .quantiles)
  }
}
