import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Forecasts")
struct ForecastTaskTests {
  static func settings(_ change: (inout TrainingSettings) -> Void = { _ in }) -> TrainingSettings {
    var settings = ForecastTask.defaults
    settings.taskOptions["horizon"] = 3
    settings.taskOptions["window"] = 8
    settings.taskOptions["time"] = ["t"]
    settings.hidden = 6
    settings.batch = 8
    change(&settings)
    return settings
  }

  /// A wave of 8 steps with a slope.
  static func value(_ step: Int) -> Double { Double(step) / 20 + sin(Double(step) * .pi / 4) }

  static func table(_ count: Int = 100, value: (Int) -> String = { "\(Self.value($0))" }) -> String {
    "t,v\n" + (0..<count).map { "\($0),\(value($0))\n" }.joined()
  }

  func write(_ text: String) throws -> (scratch: Scratch, source: DataSource) {
    let scratch = try Scratch()
    try scratch.write(Array(text.utf8), as: "s.csv")
    return (scratch, .file(scratch.path + "/s.csv"))
  }

  func task(_ text: String, _ settings: TrainingSettings = settings()) throws -> ForecastTask {
    let (scratch, source) = try write(text)
    return try withExtendedLifetime(scratch) {
      try ForecastTask(settings: try ForecastTask.prepared(settings, data: source), data: .unspecified)
    }
  }

  func preprocessing(_ task: ForecastTask) throws -> SeriesPreprocessing {
    try #require(try Preprocessing(metadata: task.modelMetadata).series)
  }

  @Test("Scales are those of the training part alone: nothing that comes later changes them or a batch")
  func leak() throws {
    // 100 steps: 70 are trained on.
    let clean = try task(Self.table())
    let planted = try task(
      Self.table { $0 < 70 ? "\(Self.value($0))" : $0 % 2 == 0 ? "1000000" : "NA" })
    let (one, other) = (try preprocessing(clean), try preprocessing(planted))
    #expect(one.scales == other.scales)
    // Only that something is missing is known of the later parts, which makes an input of its own.
    #expect(!one.marksMissing && other.marksMissing)
    let also = try task(Self.table { $0 < 70 ? "\(Self.value($0))" : "\(Self.value($0) * 1000)" })
    #expect(try preprocessing(also) == one)
    for step in 0..<20 {
      let (first, second) = (
        clean.batches.batch(seed: 1, step: step, shard: .whole),
        also.batches.batch(seed: 1, step: step, shard: .whole)
      )
      #expect(first.past.scalars == second.past.scalars && first.targets == second.targets)
    }
  }

  @Test("Scales are found by covariates' training part, too")
  func pastLeak() throws {
    func table(_ late: Double) -> String {
      "t,v,x\n"
        + (0..<100).map { "\($0),\(Self.value($0)),\($0 < 70 ? Double($0 % 5) : late)\n" }.joined()
    }
    let settings = Self.settings {
      $0.taskOptions["target"] = ["v"]
      $0.taskOptions["past"] = ["x"]
    }
    let (one, other) = (try task(table(1), settings), try task(table(1e6), settings))
    #expect(try preprocessing(one).covariateScales == preprocessing(other).covariateScales)
    #expect(try preprocessing(one).features == 2)
  }

  @Test("No window of training or validation has a target of a later part, and every test window counts")
  func windows() throws {
    let task = try task(Self.table())
    let horizon = 3
    #expect(task.batches.training.map { Int($0.origin) } == Array(8...(70 - horizon)))
    #expect(task.batches.windows(.validation).map { Int($0.origin) } == Array(70...(80 - horizon)))
    #expect(task.batches.windows(.test).map { Int($0.origin) } == Array(80...(100 - horizon)))
  }

  @Test("Shards side by side are the whole batch")
  func shards() throws {
    let task = try task(Self.table())
    let whole = task.batches.batch(seed: 4, step: 3, shard: .whole)
    let parts = (0..<3).map { task.batches.batch(seed: 4, step: 3, shard: Shard($0, of: 3)) }
    #expect(whole.numbers.count == 8 && whole.spreads == parts.flatMap(\.spreads))
    #expect(whole.past.scalars == concatenated(parts.map(\.past), axis: 1).scalars)
  }

  @Test("The last value scores as persistence, and that of the season before as the seasonal forecast")
  func naive() throws {
    let task = try task(Self.table(), Self.settings { $0.taskOptions["season"] = 8 })
    let data = task.objective.data
    var (persistence, seasonal) = (ForecastScores(), ForecastScores())
    for batch in task.batches.batches(of: .test) {
      let (last, season) = (batch.persistent, batch.seasonal)
      persistence.add(.init(mean: last, lower: last, median: last, upper: last), batch, data)
      seasonal.add(.init(mean: season, lower: season, median: season, upper: season), batch, data)
    }
    #expect(abs(persistence.value("skill_persistence")) < 1e-12)
    #expect(abs(seasonal.value("skill_seasonal")) < 1e-12)
    // The wave comes back, and the slope makes 8/20 more of it.
    let scale = try preprocessing(task).scales[0].deviation
    #expect(abs(seasonal.value("mse") - (0.4 / scale) * (0.4 / scale)) < 1e-5)
    #expect(abs(seasonal.value("rmse") - 0.4) < 1e-5)
    #expect(abs(seasonal.value("mase") - 1) < 1e-5)
    #expect(abs(task.baseline.value - seasonal.value("mse")) < 1e-12)
    #expect(abs(seasonal.value("crps") - 2 * seasonal.value("pinball")) < 1e-12)
  }

  @Test("A forecast starts from the naive one that is best in the training part", arguments: [0, 8])
  func bases(_ season: Int) throws {
    let task = try task(
      Self.table(),
      Self.settings {
        $0.taskOptions["season"] = .whole(season)
        $0.taskOptions["window"] = 16
      })
    // A wave with a slope is last season's, moved.
    #expect(try preprocessing(task).base == (season == 8 ? .change : .last))
    let batch = task.batches.batch(seed: 1, step: 0, shard: .whole)
    let found = task.objective.forecast(task.makeModel(cell: .gru), batch, context: .inference())
    #expect(found.mean.allSatisfy { $0 == 0 })
    if season == 8 { #expect(zip(batch.targets, batch.weights).allSatisfy { abs($0) < 1e-4 && $1 == 1 }) }
  }

  @Test("Bases are what they are said to be")
  func baseValues() {
    // Two seasons of 3 steps, then one more.
    let x: [Float] = [1, 2, 6, 2, 3, 7, 4, 5, 9]
    func values(_ kind: SeriesPreprocessing.Base, _ horizon: Int = 4) -> [Float] {
      ForecastBase(kind: kind, season: 3, scalesWindows: false).forecast(x, origin: 9, horizon: horizon)
    }
    #expect(values(.last) == [9, 9, 9, 9])
    #expect(values(.season) == [4, 5, 9, 4])
    #expect(values(.change) == [6, 7, 11, 6])
    #expect(values(.trend) == [6, 7, 11, 8])
    // The seasons' means are 3, 4 and 6, and the mean profile is −2, −1, 3.
    for (value, exact) in zip(values(.profile), [Float](arrayLiteral: 4, 5, 9, 4)) {
      #expect(abs(value - exact) < 1e-5)
    }
    // All of it has the mean 13/3.
    for (value, exact) in zip(values(.steady), [Float](arrayLiteral: 19 / 6, 25 / 6, 49 / 6, 19 / 6)) {
      #expect(abs(value - exact) < 1e-5)
    }
    let short = ForecastBase(kind: .profile, season: 3, scalesWindows: false)
    #expect(short.forecast(x, origin: 5, horizon: 2) == [3, 3])
  }

  @Test("Missing values change neither loss nor scores")
  func missing() throws {
    func text(_ odd: String) -> String {
      Self.table { [30, 31, 85].contains($0) ? odd : "\(Self.value($0))" }
    }
    let task = try task(text(""))
    let model = task.makeModel(cell: .gru)
    let batch = task.batches.batch(seed: 1, step: 0, shard: .whole)
    var carried: [Tensor] = []
    let loss = task.objective.loss(
      model, batch, carried: &carried, context: .inference(), probe: nil)
    #expect(loss.mean.item.isFinite && loss.weight == batch.weights.reduce(0) { $0 + Double($1) })
    let evaluation = task.evaluate(model, on: .test)
    #expect(evaluation.value.isFinite && evaluation.extras.allSatisfy(\.isFinite))
    #expect(evaluation.remark?.contains("3 values missing") == true)
  }

  @Test(
    "Quantiles are in order, and a model learns more than the last value",
    arguments: ["quantiles", "gaussian", "student-t"])
  func training(_ output: String) throws {
    let settings = Self.settings {
      $0.taskOptions["output"] = .text(output)
      $0.optimizerSettings.learningRate = 0.01
      $0.hidden = 16
      $0.dropout = 0
    }
    let task = try task(Self.table(), settings)
    let model = task.makeModel(cell: .gru)
    train(task, model, settings, steps: 150)
    let evaluation = task.evaluate(model, on: .test)
    let names = ForecastTask.extraMetrics.map(\.name)
    let skill = evaluation.extras[try #require(names.firstIndex(of: "skill_persistence"))]
    #expect(skill > 0.5)
    for batch in task.batches.batches(of: .test) {
      let found = task.objective.forecast(model, batch, context: .inference())
      for index in found.mean.indices {
        #expect(found.lower[index] <= found.median[index] && found.median[index] <= found.upper[index])
      }
    }
  }

  @Test("New data are forecast by the model's file alone, series by series as together")
  func forecaster() throws {
    let text =
      "id,t,v\n"
      + (0..<100).flatMap { ["a,\($0),\(Self.value($0))\n", "b,\($0),\(-3 * Self.value($0))\n"] }
      .joined()
    let task = try task(
      text,
      Self.settings {
        $0.taskOptions["group"] = "id"
        $0.taskOptions["target"] = ["v"]
      })
    let model = task.makeModel(cell: .lstm)
    model.metadata = task.modelMetadata
    let scratch = try Scratch()
    try model.save(scratch.path + "/m.safetensors")
    let forecaster = try #require(Forecaster(try Model.load(scratch.path + "/m.safetensors")))
    // Series that the model knows and one that it doesn't, shorter than the window.
    let new =
      "id,t,v\n" + (0..<20).map { "b,\($0),\($0)\na,\($0),\(-$0)\n" }.joined() + "c,5,1\nc,6,4\nc,7,9\n"
    try scratch.write(Array(new.utf8), as: "new.csv")
    let own = forecaster.preprocessing
    let table = try SeriesTable(scratch.path + "/new.csv", columns: own.columns, step: own.step)
    let rows = try forecaster.forecast(table)
    #expect(rows.map(\.id) == ["b", "b", "b", "a", "a", "a", "c", "c", "c"])
    #expect(rows.map(\.time) == ["20", "21", "22", "20", "21", "22", "8", "9", "10"])
    #expect(rows.map(\.step) == [1, 2, 3, 1, 2, 3, 1, 2, 3])
    #expect(try forecaster.forecast(table, batch: 1) == rows)
    #expect(rows.allSatisfy { $0.q10 <= $0.q50 && $0.q50 <= $0.q90 && $0.mean.isFinite })
  }

  @Test("What is known of the future is read from rows without a target, and a model learns from it")
  func future() throws {
    func row(_ step: Int, _ value: Double?) -> String {
      "\(step),\(value.map { "\($0)" } ?? ""),\(step % 7 == 0 ? 1 : 0)\n"
    }
    // What comes is what the other column says, and nothing else.
    let text = "t,v,x\n" + (0..<200).map { row($0, $0 % 7 == 0 ? 5 : 0) }.joined()
    let settings = Self.settings {
      $0.taskOptions["target"] = ["v"]
      $0.taskOptions["future"] = ["x"]
      $0.taskOptions["window"] = 4
      $0.taskOptions["segment"] = 2
      $0.optimizerSettings.learningRate = 0.02
      $0.hidden = 16
      $0.dropout = 0
    }
    let task = try task(text, settings)
    #expect(try preprocessing(task).known == 1)
    let model = task.makeModel(cell: .gru)
    train(task, model, settings, steps: 300)
    let evaluation = task.evaluate(model, on: .test)
    let names = ForecastTask.extraMetrics.map(\.name)
    #expect(evaluation.extras[try #require(names.firstIndex(of: "skill_persistence"))] > 0.9)
    model.metadata = task.modelMetadata
    let forecaster = try #require(Forecaster(model))
    func rows(_ text: String) throws -> [Forecaster.Row] {
      let scratch = try Scratch()
      try scratch.write(Array(text.utf8), as: "new.csv")
      let own = forecaster.preprocessing
      return try forecaster.forecast(
        SeriesTable(scratch.path + "/new.csv", columns: own.columns, step: own.step))
    }
    let new = "t,v,x\n" + (0..<19).map { row($0, $0 % 7 == 0 ? 5 : 0) }.joined()
    let found = try rows(new + (19..<23).map { row($0, nil) }.joined())
    #expect(found.map(\.time) == ["19", "20", "21"])
    #expect(found[2].mean > 3 && abs(found[0].mean) < 1.5 && abs(found[1].mean) < 1.5)
    do {
      _ = try rows(new + row(19, nil))
      Issue.record("expected an error")
    } catch {
      #expect("\(error)".contains("column 'x': expected values in 3 rows below the last one with a target"))
    }
  }

  func train(
    _ task: ForecastTask, _ model: Model, _ settings: TrainingSettings, steps: Int
  ) {
    let parameters = ParameterSet(model)
    let optimizer = Adam(count: parameters.count, settings: settings.optimizerSettings)
    for step in 0..<steps {
      parameters.zeroGradients()
      var carried: [Tensor] = []
      task.loss(
        model, step: step, carried: &carried, context: .training(seed: 1, step: UInt64(step)), probe: nil
      ).backward()
      optimizer.step(parameters)
    }
  }

  private static let etth1 =
    (ProcessInfo.processInfo.environment["CELLGATE_DATA"] ?? "") + "/ett/ETTh1.csv.gz"

  /// By NumPy: all windows of the published test part, the last one too, each step against that of 24 hours, or as many whole days, before.
  @Test(
    "The naive forecasts of ETTh1 have the errors that others find",
    .enabled(if: FileManager.default.fileExists(atPath: etth1), "set CELLGATE_DATA to the data directory"),
    arguments: [(96, 0.512, 1.294), (720, 0.655, 1.335)])
  func published(_ horizon: Int, _ seasonal: Double, _ persistence: Double) throws {
    var settings = Self.settings {
      $0.taskOptions["time"] = ["date"]
      $0.taskOptions["targets"] = ["all"]
      $0.taskOptions["horizon"] = .whole(horizon)
      $0.taskOptions["split"] = [8640, 2880, 2880]
      $0.taskOptions["window"] = 96
    }
    settings = try ForecastTask.prepared(settings, data: .file(Self.etth1))
    let task = try ForecastTask(settings: settings, data: .unspecified)
    #expect(task.batches.windows(.test).count == 7 * (2880 - horizon + 1))
    var scores = ForecastScores()
    for batch in task.batches.batches(of: .test) {
      let last = batch.persistent
      scores.add(.init(mean: last, lower: last, median: last, upper: last), batch, task.objective.data)
    }
    #expect(abs(scores.naive.seasonal - seasonal) < 5e-4)
    #expect(abs(scores.naive.persistence - persistence) < 5e-4)
    #expect(abs(task.baseline.value - scores.naive.seasonal) < 1e-9)
  }

  @Test("Window and segment follow from season, horizon and length")
  func sizes() {
    func sizes(_ training: Int, _ horizon: Int, _ season: Int, window: Int = 0, segment: Int = 0) -> [Int] {
      let settings = Self.settings {
        $0.taskOptions["window"] = .whole(window)
        $0.taskOptions["segment"] = .whole(segment)
      }
      let sizes = ForecastPlan.sizes(settings, training: training, horizon: horizon, season: season)
      return [sizes.window, sizes.segment]
    }
    #expect(sizes(8640, 96, 24) == [336, 24])
    #expect(sizes(34_560, 96, 96) == [672, 24])
    #expect(sizes(100, 12, 12) == [36, 12])
    #expect(sizes(100, 1, 1) == [48, 24])
    #expect(sizes(5, 1, 1) == [2, 2])
    #expect(sizes(8640, 96, 24, window: 100) == [100, 20])
    #expect(sizes(8640, 96, 24, window: 96, segment: 12) == [96, 12])
  }

  @Test("Steps far outside the interval are found, and no others")
  func anomalies() throws {
    let task = try task(Self.table { $0 == 90 ? "9" : "\(Self.value($0))" })
    let model = task.makeModel(cell: .gru)
    let head = try #require(ParameterSet(model).entries.first { $0.name.hasSuffix("head.bias") })
    // All quantiles at a distance of 1, in scaled units, from the base.
    head.parameter.assign(
      Tensor((0..<head.count).map { [0, -1, 0, 1][$0 % 4] as Float }, shape: head.shape))
    let found = task.anomalies(model, above: 3)
    #expect(found.map(\.time) == ["90"] && abs((found.first?.value ?? 0) - 9) < 1e-5)
    #expect((found.first?.score ?? 0) > 3)
    #expect(task.anomalies(model, above: 1e6).isEmpty)
  }

  @Test("What a table can't be learned from is one line")
  func errors() {
    func reason(_ text: String, _ change: (inout TrainingSettings) -> Void = { _ in }) -> String {
      do {
        _ = try task(text, Self.settings(change))
        return "none"
      } catch { return "\(error)".split(separator: "s.csv: ").last.map(String.init) ?? "" }
    }
    #expect(
      reason(Self.table { _ in "5" })
        == "column 'v': expected values that vary in the training part, found the constant 5.0")
    #expect(
      reason(Self.table(), { $0.taskOptions["horizon"] = 200 })
        == "expected 200 steps or more in the validation part, the horizon, found 25 of a series of 100")
    #expect(
      reason(Self.table(), { $0.taskOptions["split"] = [100, 20, 20] })
        == "expected 140 rows or more, as --split says, found 100")
    #expect(reason("t,v\n1,2\n") == "expected two rows or more of a series, found one")
    do {
      _ = try ForecastTask.prepared(Self.settings(), data: .unspecified)
      Issue.record("expected an error")
    } catch { #expect("\(error)" == "forecast: expected a table of your own, with --data FILE") }
  }
}
