import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Paths of forecasts")
struct ForecastSamplesTests {
  private let base = ForecastTaskTests()

  private static func settings(_ output: SeriesPreprocessing.Output = .quantiles) -> TrainingSettings {
    ForecastTaskTests.settings {
      $0.taskOptions["output"] = .text(output.rawValue)
      $0.taskOptions["horizon"] = 8
      $0.taskOptions["group"] = "id"
      $0.taskOptions["target"] = ["v"]
      $0.hidden = 8
      $0.dropout = 0
    }
  }

  /// Two series of random walks: what a forecast of a walk's last value misses grows from step to step.
  private static let text: String = {
    var stream = RandomStream(seed: 8, name: "walks")
    var text = "id,t,v\n"
    for id in ["a", "b"] {
      var value = 100
      for step in 0..<240 {
        value = max(0, value + stream.integer(below: 9) - 4)
        text += "\(id),\(step),\(value)\n"
      }
    }
    return text
  }()

  private func forecaster(_ task: ForecastTask, steps: Int) throws -> Forecaster {
    let model = task.makeModel(cell: .gru)
    base.train(task, model, task.settings, steps: steps)
    #expect(task.finish(model, context: .inference()))
    model.metadata = task.modelMetadata
    let scratch = try Scratch()
    try model.save(scratch.path + "/m.safetensors")
    return try #require(Forecaster(try Model.load(scratch.path + "/m.safetensors")))
  }

  private func table(_ forecaster: Forecaster, _ text: String = text) throws -> SeriesTable {
    let scratch = try Scratch()
    try scratch.write(Array(text.utf8), as: "new.csv")
    let own = forecaster.preprocessing
    return try withExtendedLifetime(scratch) {
      try SeriesTable(scratch.path + "/new.csv", columns: own.columns, step: own.step)
    }
  }

  private func samples(
    _ forecaster: Forecaster, _ table: SeriesTable, count: Int, seed: UInt64 = 1, batch: Int = 64
  ) throws -> [Forecaster.Sample] {
    var all: [Forecaster.Sample] = []
    try forecaster.samples(table, count: count, seed: seed, batch: batch) { all += $0 }
    return all
  }

  /// Of 4,000 paths a share has an error of about 0.005, and a quantile one of some percent of the interval.
  @Test("Paths have the quantiles of the forecast", arguments: SeriesPreprocessing.Output.allCases)
  func quantiles(_ output: SeriesPreprocessing.Output) throws {
    let forecaster = try forecaster(base.task(Self.text, Self.settings(output)), steps: 40)
    let table = try table(forecaster)
    let rows = try forecaster.forecast(table)
    let all = try samples(forecaster, table, count: 4000)
    #expect(all.count == 4000 * rows.count)
    for row in rows {
      let own = all.filter { $0.id == row.id && $0.step == row.step }
      #expect(own.allSatisfy { $0.time == row.time && $0.target == row.target })
      for (share, end) in [(0.1, row.q10), (0.5, row.q50), (0.9, row.q90)] {
        let below = Double(own.count { $0.value < end }) / 4000
        let upTo = Double(own.count { $0.value <= end }) / 4000
        #expect(below <= share + 0.03 && upTo >= share - 0.03)
      }
      if output == .negativeBinomial { #expect(own.allSatisfy { $0.value.rounded() == $0.value }) }
    }
  }

  @Test("Steps of a path go together as the residuals of the validation part do")
  func correlation() throws {
    let forecaster = try forecaster(base.task(Self.text, Self.settings(.gaussian)), steps: 40)
    let partial = try #require(forecaster.forecasting.pathCorrelation).value.scalars
    // What a walk missed by one step it misses by the next one, too.
    #expect(partial.count == 7 && partial[0] > 0.5)
    let table = try table(forecaster)
    let rows = try forecaster.forecast(table).filter { $0.id == "a" }
    let all = try samples(forecaster, table, count: 2000).filter { $0.id == "a" }
    func residuals(_ step: Int) -> [Double] {
      let row = rows[step - 1]
      return all.filter { $0.step == step }.map { ($0.value - row.mean) / (row.q90 - row.q50) }
    }
    let (one, other) = (residuals(4), residuals(5))
    func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let found = product(one, other) / (product(one, one) * product(other, other)).squareRoot()
    #expect(abs(found - Double(partial[0])) < 0.1)
  }

  @Test("The same seed gives the same paths, whatever is computed at once; another gives others")
  func seeds() throws {
    let forecaster = try forecaster(base.task(Self.text, Self.settings()), steps: 1)
    let table = try table(forecaster)
    let one = try samples(forecaster, table, count: 3)
    #expect(one.map(\.sample) == (0..<2).flatMap { _ in (1...3).flatMap { Array(repeating: $0, count: 8) } })
    #expect(try samples(forecaster, table, count: 3, batch: 1) == one)
    #expect(try samples(forecaster, table, count: 3, seed: 2).map(\.value) != one.map(\.value))
    // More paths begin with the same ones, and a series' paths are its own.
    let more = try samples(forecaster, table, count: 5)
    #expect(more.filter { $0.sample <= 3 } == one)
    let lines = Self.text.split(separator: "\n").filter { !$0.hasPrefix("a,") }
    let alone = try samples(forecaster, self.table(forecaster, lines.joined(separator: "\n")), count: 3)
    #expect(alone == one.filter { $0.id == "b" })
  }

  @Test("A model without correlations draws steps one by one, and finishing changes nothing")
  func earlier() throws {
    var settings = try base.task(Self.text, Self.settings()).settings
    settings.data?["pathLags"] = nil
    let model = try Model(settings.forecastModel(.gru), seed: 1)
    #expect(model.segmentForecaster?.pathCorrelation == nil)
    let task = try base.task(Self.text, Self.settings())
    #expect(!task.finish(model, context: .inference()))
    model.metadata = task.modelMetadata
    let forecaster = try #require(Forecaster(model))
    #expect(try samples(forecaster, table(forecaster), count: 2).count == 32)
  }
}
