import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Testing

@testable import CellgateTasks

@Suite("Backtests of forecasts")
struct ForecastBacktestTests {
  private let base = ForecastTaskTests()

  private static func settings(_ change: (inout TrainingSettings) -> Void = { _ in }) -> TrainingSettings {
    ForecastTaskTests.settings {
      $0.optimizerSettings.learningRate = 0.01
      $0.hidden = 16
      $0.dropout = 0
      change(&$0)
    }
  }

  private func backtest(
    _ task: ForecastTask, _ model: Model, _ plan: ForecastBacktest.Plan
  ) throws -> ForecastBacktest {
    try #require(try task.backtest(model, plan))
  }

  @Test("Origins lie so many steps apart, and the last one a horizon before the end")
  func origins() throws {
    // 100 steps: the test part is 80..<100.
    let task = try base.task(ForecastTaskTests.table(), Self.settings())
    let model = task.makeModel(cell: .gru)
    let every = try backtest(task, model, .init(origins: 3))
    #expect(every.origins.map(\.time) == ["91", "94", "97"] && every.stride == 3)
    let close = try backtest(task, model, .init(origins: 18, stride: 1))
    #expect(close.origins.map(\.time) == (80...97).map { "\($0)" })
    #expect(close.total.windows == 18 && close.origins.allSatisfy { $0.windows == 1 })
    // All windows of the test part are all origins of stride 1.
    let evaluation = task.evaluate(model, on: .test)
    #expect(abs(close.total.value - evaluation.value) < 1e-6 * evaluation.value)
    for (one, other) in zip(close.total.extras, evaluation.extras) {
      #expect(abs(one - other) < 1e-5 * max(1, abs(other)))
    }
    let mean = close.origins.map(\.value).reduce(0, +) / 18
    #expect(abs(mean - close.total.value) < 1e-9 * mean)
  }

  @Test("Too many origins are named")
  func tooMany() throws {
    let task = try base.task(ForecastTaskTests.table(), Self.settings())
    do {
      _ = try task.backtest(task.makeModel(cell: .gru), .init(origins: 19, stride: 1))
      Issue.record("expected an error")
    } catch {
      let end =
        "expected room for 19 origins with a stride of 1 in the test part, and values, found 20 steps, of which the horizon takes 3"
      #expect("\(error)".hasSuffix(end))
    }
    #expect(throws: (any Error).self) {
      try task.backtest(task.makeModel(cell: .gru), .init(origins: 3, stride: .max))
    }
  }

  @Test("A model that is trained on learns what the series does now, and one that isn't stays as it is")
  func refit() throws {
    // From step 140 on the wave is another.
    let text = ForecastTaskTests.table(200) { step in
      "\(ForecastTaskTests.value(step < 140 ? step : 3 * step))"
    }
    let task = try base.task(text, Self.settings { $0.taskOptions["split"] = [100, 30, 70] })
    let model = task.makeModel(cell: .gru)
    base.train(task, model, task.settings, steps: 150)
    let before = model.state.entries.map(\.tensor.scalars)
    let still = try backtest(task, model, .init(origins: 10, stride: 5))
    #expect(model.state.entries.map(\.tensor.scalars) == before)
    let learning = try backtest(task, model, .init(origins: 10, stride: 5, refitUpdates: 60))
    #expect(model.state.entries.map(\.tensor.scalars) != before)
    #expect(learning.origins.map(\.time) == still.origins.map(\.time))
    let last = (learning.origins.suffix(3).map(\.value), still.origins.suffix(3).map(\.value))
    #expect(last.0.reduce(0, +) < 0.5 * last.1.reduce(0, +))
  }

  @Test("A refit at an origin knows nothing that comes after it")
  func leak() throws {
    func scores(_ late: Double) throws -> [Double] {
      let text = ForecastTaskTests.table { step in
        "\(step < 94 ? ForecastTaskTests.value(step) : late * Double(step))"
      }
      let task = try base.task(text, Self.settings())
      let model = task.makeModel(cell: .gru)
      return try backtest(task, model, .init(origins: 3, refitUpdates: 5)).origins.map(\.value)
    }
    // The first origin's horizon ends where the values part.
    #expect(try scores(1)[0] == scores(-7)[0])
    #expect(try scores(1)[1] != scores(-7)[1])
  }

  @Test("A series that is too short for an origin is left out there")
  func shortSeries() throws {
    let text =
      "id,t,v\n" + (0..<100).map { "a,\($0),\(ForecastTaskTests.value($0))\n" }.joined()
      + (0..<40).map { "b,\($0),\(ForecastTaskTests.value($0))\n" }.joined()
    let task = try base.task(
      text,
      Self.settings {
        $0.taskOptions["group"] = "id"
        $0.taskOptions["target"] = ["v"]
      })
    // The test part of the short one has 8 steps.
    let found = try backtest(task, task.makeModel(cell: .gru), .init(origins: 4, refitUpdates: 2))
    #expect(found.origins.map(\.windows) == [1, 1, 2, 2])
    #expect(found.total.windows == 6)
  }

  @Test("What wants to stop gets no scores")
  func stopping() throws {
    let task = try base.task(ForecastTaskTests.table(), Self.settings())
    let model = task.makeModel(cell: .gru)
    #expect(try task.backtest(model, .init(origins: 2), shouldStop: { true }) == nil)
  }
}
