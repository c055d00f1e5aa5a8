import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Testing

@testable import CellgateTasks

@Suite("Categories and static columns of forecasts")
struct ForecastCategoriesTests {
  private let base = ForecastTaskTests()
  private static let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

  private static func settings(_ change: (inout TrainingSettings) -> Void = { _ in }) -> TrainingSettings {
    ForecastTaskTests.settings {
      $0.taskOptions["target"] = ["v"]
      $0.taskOptions["window"] = 4
      $0.taskOptions["segment"] = 2
      $0.optimizerSettings.learningRate = 0.02
      $0.hidden = 16
      $0.dropout = 0
      change(&$0)
    }
  }

  private func skill(_ task: ForecastTask, _ model: Model) throws -> Double {
    let names = ForecastTask.extraMetrics.map(\.name)
    return task.evaluate(model, on: .test).extras[try #require(names.firstIndex(of: "skill_persistence"))]
  }

  private func forecaster(_ task: ForecastTask, _ model: Model) throws -> Forecaster {
    model.metadata = task.modelMetadata
    let scratch = try Scratch()
    try model.save(scratch.path + "/m.safetensors")
    return try #require(Forecaster(try Model.load(scratch.path + "/m.safetensors")))
  }

  private func rows(_ forecaster: Forecaster, _ text: String) throws -> [Forecaster.Row] {
    let scratch = try Scratch()
    try scratch.write(Array(text.utf8), as: "new.csv")
    let own = forecaster.preprocessing
    return try forecaster.forecast(
      SeriesTable(scratch.path + "/new.csv", columns: own.columns, step: own.step))
  }

  private static func row(_ step: Int, _ day: String, _ value: Double?) -> String {
    "\(step),\(value.map { "\($0)" } ?? ""),\(day)\n"
  }

  /// Days come in an order that no step says anything of.
  private static func order(_ count: Int) -> [Int] {
    var stream = RandomStream(seed: 6, name: "days")
    return (0..<count).map { _ in stream.integer(below: 7) }
  }

  @Test(
    "A model learns what a category of the future means, and a table that it is used on has the same ones")
  func future() throws {
    func value(_ day: Int) -> Double { [1, 5, 2, 8, 3, 0, 9][day] }
    let days = Self.order(260)
    let text =
      "t,v,day\n" + days.enumerated().map { Self.row($0, Self.days[$1], value($1)) }.joined()
    let settings = Self.settings { $0.taskOptions["future"] = ["day"] }
    let task = try base.task(text, settings)
    let own = try base.preprocessing(task)
    #expect(own.columns.categorical == ["day"] && own.categories?.first?.count == 7)
    #expect(own.known == 0 && own.features == 1)
    let model = task.makeModel(cell: .gru)
    #expect(model.inputs.map(\.name) == ["past", "past_categories", "known_categories"])
    base.train(task, model, settings, steps: 400)
    #expect(try skill(task, model) > 0.8)
    let forecaster = try forecaster(task, model)
    let start = "t,v,day\n" + days[..<20].enumerated().map { Self.row($0, Self.days[$1], value($1)) }.joined()
    let next = [6, 5, 1]
    let found = try rows(
      forecaster, start + next.enumerated().map { Self.row(20 + $0, Self.days[$1], nil) }.joined())
    for (row, day) in zip(found, next) { #expect(abs(row.mean - value(day)) < 2) }
    // What is not known is forecast, too: as all that is not known.
    let odd = try ["holiday", "Ω"].map { day in
      try rows(forecaster, start + (20..<23).map { Self.row($0, day, nil) }.joined()).map(\.mean)
    }
    #expect(odd[0] == odd[1] && odd[0].allSatisfy(\.isFinite))
    do {
      _ = try rows(forecaster, start + Self.row(20, "mon", nil) + Self.row(21, "", nil))
      Issue.record("expected an error")
    } catch {
      #expect("\(error)".contains("column 'day': expected values in 3 rows below the last one with a target"))
    }
  }

  @Test("Numbers that are named so are categories")
  func named() throws {
    let days = Self.order(100)
    let text = "t,v,day\n" + days.enumerated().map { Self.row($0, "\($1)", Double($1 % 3)) }.joined()
    let plain = try base.task(text, Self.settings { $0.taskOptions["past"] = ["day"] })
    #expect(try base.preprocessing(plain).columns.categorical.isEmpty)
    let named = try base.task(
      text,
      Self.settings {
        $0.taskOptions["past"] = ["day"]
        $0.taskOptions["categorical"] = ["day"]
      })
    #expect(try base.preprocessing(named).categories == [Self.firsts(days[..<70])])
    do {
      _ = try base.task(text, Self.settings { $0.taskOptions["categorical"] = ["day"] })
      Issue.record("expected an error")
    } catch {
      let end =
        "column 'day': expected a past, future or static column to be one of categories, found none of these"
      #expect("\(error)".hasSuffix(end))
    }
  }

  private static func firsts(_ days: ArraySlice<Int>) -> [String] {
    days.reduce(into: []) { if !$0.contains("\($1)") { $0.append("\($1)") } }
  }

  @Test("Categories are those of the training part alone, and hidden ones teach what an unknown one is")
  func leak() throws {
    let text =
      "t,v,day\n"
      + (0..<100).map { Self.row($0, $0 < 70 ? Self.days[$0 % 2] : Self.days[2 + $0 % 3], Double($0 % 5)) }
      .joined()
    let task = try base.task(text, Self.settings { $0.taskOptions["past"] = ["day"] })
    #expect(try base.preprocessing(task).categories == [["mon", "tue"]])
    for batch in task.batches.batches(of: .test) {
      let numbers = try #require(batch.pastCategories)
      // Windows of the test part begin 4 steps before it.
      #expect(numbers.shape.last == 1 && numbers.scalars.allSatisfy { $0 == 0 })
    }
    var (hidden, count) = (0, 0)
    for step in 0..<100 {
      let numbers = try #require(task.batches.batch(seed: 1, step: step, shard: .whole).pastCategories)
      for column in 0..<numbers.shape[1] {
        let own = (0..<4).map { numbers[$0][column].scalars[0] }
        count += 1
        if own.allSatisfy({ $0 == 0 }) { hidden += 1 } else { #expect(own.allSatisfy { $0 > 0 }) }
      }
    }
    // 5 of 100 of 800, with an error of about 0.8 of 100.
    #expect(abs(Double(hidden) / Double(count) - 0.05) < 0.025)
    let parts = (0..<3).map { task.batches.batch(seed: 4, step: 3, shard: Shard($0, of: 3)) }
    let whole = try #require(task.batches.batch(seed: 4, step: 3, shard: .whole).pastCategories)
    #expect(whole.scalars == concatenated(parts.compactMap(\.pastCategories), axis: 1).scalars)
  }

  @Test(
    "What is known of a whole series is learned from, numbers and categories",
    arguments: ["segments", "direct"])
  func statics(_ decoder: String) throws {
    // Each series goes its kind's way, of which a window of one step says nothing.
    let kinds = ["low", "high"]
    func row(_ id: Int, _ step: Int) -> String {
      let slope = (id % 2 == 0 ? -1.0 : 1.0) * Double(1 + id / 2)
      return "\(id),\(step),\(slope * Double(step)),\(kinds[id % 2]),\(id / 2)\n"
    }
    let text = "id,t,v,kind,size\n" + (0..<6).flatMap { id in (0..<80).map { row(id, $0) } }.joined()
    let settings = Self.settings {
      $0.taskOptions["group"] = "id"
      $0.taskOptions["static"] = ["kind", "size"]
      $0.taskOptions["horizon"] = 2
      $0.taskOptions["window"] = 1
      $0.taskOptions["segment"] = 1
      $0.taskOptions["decoder"] = .text(decoder)
    }
    let task = try base.task(text, settings)
    let own = try base.preprocessing(task)
    #expect(own.categories == [["low", "high"]] && own.staticScales?.count == 1)
    let model = task.makeModel(cell: .gru)
    #expect(model.inputs.map(\.name) == ["past", "series", "statics", "static_categories"])
    base.train(task, model, settings, steps: 300)
    #expect(try skill(task, model) > 0.5)
    let forecaster = try forecaster(task, model)
    // A series that the model doesn't know is forecast by its kind.
    func forecast(_ kind: String, _ size: String) throws -> [Double] {
      let text = "id,t,v,kind,size\n" + (0..<6).map { "n,\($0),\($0 % 2),\(kind),\(size)\n" }.joined()
      return try rows(forecaster, text).map(\.mean)
    }
    let (low, high, other) = try (forecast("low", "1"), forecast("high", "1"), forecast("no", "1"))
    #expect(low[1] < 1 && high[1] > 1 && low != other && high != other)
    #expect(try forecast("no", "1") == forecast("none such", "1"))
    #expect(try forecast("low", "1") != forecast("low", "2") && forecast("low", "")[0].isFinite)
  }

  @Test("A column that changes within a series is not static: the error has file, line and column")
  func changing() {
    func reason(_ rows: [String]) -> String {
      do {
        _ = try base.task(
          "id,t,v,kind\n" + rows.joined(),
          Self.settings {
            $0.taskOptions["group"] = "id"
            $0.taskOptions["static"] = ["kind"]
          })
        return "none"
      } catch { return "\(error)".split(separator: "/").last.map(String.init) ?? "" }
    }
    let texts = (0..<100).flatMap {
      ["a,\($0),\($0 % 5),x\n", "b,\($0),\($0 % 3),\($0 == 30 ? "z" : "y")\n"]
    }
    #expect(
      reason(texts)
        == "s.csv: line 63: column 'kind': expected 'y' as in the rows before of series 'b', as what is static doesn't change, found 'z'"
    )
    let numbers = (0..<100).map {
      "a,\($0),\($0 % 5),\($0 == 40 ? "" : $0 == 41 ? "2.0" : $0 == 50 ? "3" : "2")\n"
    }
    #expect(reason(numbers).hasPrefix("s.csv: line 52: column 'kind': expected '2' as in the rows before"))
    #expect(reason(Array(numbers[..<50]) + (50..<100).map { "a,\($0),\($0 % 5),2\n" }) == "none")
  }

  @Test("A column is past, future or static, and no two of them")
  func twice() {
    do {
      _ = try base.task(
        "t,v,x\n" + (0..<60).map { "\($0),\($0 % 5),1\n" }.joined(),
        Self.settings {
          $0.taskOptions["static"] = ["x"]
          $0.taskOptions["past"] = ["x"]
        })
      Issue.record("expected an error")
    } catch { #expect("\(error)".contains("a column named once, as target, past, future or static")) }
  }

  @Test("A file whose categories are not those of its columns is refused")
  func hostile() throws {
    let text = "t,v,day\n" + (0..<100).map { Self.row($0, Self.days[$0 % 7], Double($0 % 5)) }.joined()
    let task = try base.task(text, Self.settings { $0.taskOptions["past"] = ["day"] })
    let metadata = try #require(task.modelMetadata["preprocessing"])
    for (from, to) in [("\"categorical\":[\"day\"]", "\"categorical\":[]"), ("\"tue\"", "17")] {
      let odd = metadata.replacing(from, with: to)
      #expect(odd != metadata)
      #expect(throws: PreprocessingError.self) { try Preprocessing(metadata: ["preprocessing": odd]) }
    }
    // More categories than the model has vectors of are as good as unknown.
    let model = task.makeModel(cell: .gru)
    model.metadata = ["preprocessing": metadata.replacing("\"tue\"", with: "\"tue\",\"x\",\"y\",\"z\"")]
    let rows = try rows(try #require(Forecaster(model)), text)
    #expect(rows.count == 3 && rows.allSatisfy { $0.mean.isFinite })
  }
}
