import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTasks
@testable import CellgateTraining

@Suite("Several labels of texts and series")
struct MultiLabelTaskTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func settings(_ options: [String: OptionValue]) -> TrainingSettings {
    var settings = MultiLabelTask.defaults
    settings.taskOptions.merge(["embedding": 8]) { $1 }
    settings.taskOptions.merge(options) { $1 }
    (settings.hidden, settings.dropout, settings.cell) = (8, 0, "lstm-wm")
    (settings.schedule, settings.averageWeights) = (ScheduleSettings(), nil)
    return settings
  }

  private func task(_ file: String, _ options: [String: OptionValue] = [:]) throws -> MultiLabelTask {
    let prepared = try MultiLabelTask.prepared(settings(options), data: .file(file))
    return try MultiLabelTask(settings: prepared, data: .unspecified)
  }

  private func write(_ text: String, as name: String = "a.csv") throws -> String {
    try scratch.write(Array(text.utf8), as: name)
  }

  private func failure(_ text: String, _ options: [String: OptionValue]) throws -> String {
    let file = try write(text)
    return try #require(throws: TaskDataError.self) { try task(file, options) }.description
  }

  private let one: [String: OptionValue] = ["text": "text", "label": ["tags"]]
  private let columns: [String: OptionValue] = ["text": "text", "label": ["sun", "rain", "wind"]]

  /// Texts with a word for each of their labels, which are those of the bits of their number.
  private func table(_ count: Int, separator: String?, word: String = "day") -> String {
    let names = ["sun", "rain", "wind"]
    let words = ["bright", "wet", "stormy"]
    let rows = (0..<count).map { number in
      let own = (0..<3).filter { (number + number / 8) >> $0 & 1 == 1 }
      let text = "a \(word) \(number % 5) " + own.map { words[$0] }.joined(separator: " ")
      let labels =
        separator.map { own.map { names[$0] }.joined(separator: $0) }
        ?? (0..<3).map { own.contains($0) ? "1" : "0" }.joined(separator: ",")
      return "\(text),\(labels)\n"
    }
    return (separator == nil ? "text,sun,rain,wind\n" : "text,tags\n") + rows.joined()
  }

  @Test("A model learns labels, and its file alone takes raw rows", arguments: [";", "|", " ", nil])
  func learns(separator: String?) throws {
    let file = try write(table(160, separator: separator))
    var options = separator == nil ? columns : one
    if separator == " " { options["label-separator"] = " " }
    options["class-weights"] = separator == "|" ? "balanced" : "none"
    var prepared = settings(options)
    (prepared.epochs, prepared.steps, prepared.optimizerSettings.learningRate) = (nil, 100, 0.02)
    prepared = try MultiLabelTask.prepared(prepared, data: .file(file))
    let folder = try RunDirectory(creating: scratch.file("run"), settings: prepared)
    let task = try MultiLabelTask(settings: prepared, data: .unspecified)
    guard case .completed(let result) = try Trainer(task: task, settings: prepared, directory: folder).run()
    else {
      Issue.record("expected a run to its end")
      return
    }
    #expect(result.value == 1 && result.metric == "accuracy" && result.selection == "micro_f1")
    #expect(result.extras["micro_f1"] == 1 && result.extras["hamming_loss"] == 0)
    #expect(result.extras["auc_rain"] == 1 && result.extras["f1_sun"] == 1)
    #expect(result.baseline == 1 && task.baseline.label == "naive Bayes on words")
    let raw = try write("id,text\n1,a wet and stormy day\n2,a day\n3,bright\n", as: "new.csv")
    let predictor = try #require(RowPredictor(try Model.load(folder.path)))
    let all = try predictor.predictions(raw)
    #expect(all.map(\.labels).map(Set.init) == [["rain", "wind"], [], ["sun"]])
    #expect(all[0].label == predictor.labels.filter { $0 != "sun" }.joined(separator: separator ?? ";"))
    #expect(all[1].label == "" && all.allSatisfy { $0.probabilities.count == 3 })
    #expect(predictor.header() == ["row", "prediction"] + predictor.labels.map { "probability_" + $0 })
    #expect(Set(predictor.labels) == ["sun", "rain", "wind"])
    #expect(separator != nil || predictor.labels == ["sun", "rain", "wind"])
    let single = try predictor.predictions(raw, batch: 1)
    for (one, other) in zip(single, all) {
      #expect(one.labels == other.labels)
      for (a, b) in zip(one.probabilities, other.probabilities) { #expect(abs(a - b) < 1e-5) }
    }
    let new = try write(table(30, separator: separator, word: "week"), as: "other.csv")
    let scored = try Tasks.evaluate(run: folder.path, data: DataDirectory(option: new))
    #expect(scored.evaluation.value == 1 && scored.evaluation.named["auc_wind"] == 1)
    let samples = task.samples(task.makeModel(cell: .lstmWM), count: 5)
    #expect(samples.count == 5)
    guard case .labelled(let sample) = samples[0] else {
      Issue.record("expected a labelled text")
      return
    }
    #expect(!sample.words.isEmpty && sample.words.contains { abs($0.weight) == 1 })
  }

  @Test("Series of a long table have labels in columns, said once for a sequence")
  func series() throws {
    let text =
      "id,t,x,up,odd\n"
      + (0..<30).map { "s\($0),0,\($0),\($0 % 2),\n" + "s\($0),1,\($0 % 2 * 9),,\($0 / 2 % 2)\n" }.joined()
    let file = try write(text)
    let task = try task(
      file, ["group": "id", "time": "t", "features": ["x"], "label": ["up", "odd"], "valid-percent": 20])
    let examples = task.batches.training + task.batches.examples(.validation) + task.batches.examples(.test)
    #expect(examples.count == 30 && examples.allSatisfy { $0.steps == 2 })
    #expect(examples.count { $0.labels == [0, 1] } == 7 && examples.count { $0.labels.isEmpty } == 8)
    #expect(
      try failure(text + "z,0,1,,1\n", ["group": "id", "features": ["x"], "label": ["up", "odd"]])
        .contains("line 62, column 'up': expected 1 or 0, found"))
  }

  @Test("What stands between labels is recognised, and spaces around them don't count")
  func separators() {
    #expect(LabelSets.separator(of: ["a,b", "c;d"]) == ";" && LabelSets.separator(of: ["a,b|c"]) == "|")
    #expect(LabelSets.separator(of: ["New York, Rome", "Oslo"]) == ",")
    #expect(LabelSets.separator(of: ["a b", ""]) == nil)
    #expect(LabelSets.labels(" a ; b;; a", separator: ";") == ["a", "b"])
    #expect(
      LabelSets.labels("", separator: ";") == [] && LabelSets.labels("x || y", separator: "||") == ["x", "y"])
    #expect(["1", "0.0", " True ", "yes", ""].map(LabelSets.isSet) == [true, false, true, nil, nil])
  }

  @Test("Nothing of the validation and test parts is learned, and a label that only they have is missed")
  func leaks() throws {
    let train = try write(table(64, separator: ";"))
    let test = try write(table(16, separator: ";", word: "leak") + "odd,sun;snow\n", as: "test.csv")
    let own = try task(train, one.merging(["test": .text(test)]) { $1 })
    let known = own.batches.encoder.preprocessing
    #expect(known.words?.contains("day") == true && known.words?.contains("leak") == false)
    #expect(known.labels == ["rain", "sun", "wind"] && known.rows?.labelSeparator == ";")
    #expect(own.batches.examples(.test).last?.labels == [1, -1])
    let evaluation = own.evaluate(own.makeModel(cell: .gru), on: .test)
    #expect(
      evaluation.remark == "1 example has a label that the training data have none of, which is missed")
  }

  @Test("Shares are of each row's rarest label")
  func stratified() {
    let rows = (0..<200).map { number in
      var row = SequenceRows.Row(id: "\(number)", line: number)
      row.labels = number % 10 == 0 ? ["often", "rare"] : number % 3 == 0 ? [] : ["often"]
      return row
    }
    let parts = PartChoice(validation: 20, test: 10).parts(of: rows)
    #expect(parts.validation.count { $0.labels.contains("rare") } == 4)
    #expect(parts.test.count { $0.labels.contains("rare") } == 2)
    #expect(parts.validation.count { $0.labels.isEmpty } == 12)
    #expect(parts.training.count + parts.validation.count + parts.test.count == 200)
  }

  @Test("Scores of sets by hand")
  func scores() {
    let scores = MultiLabelScores(
      probabilities: [[0.9, 0.2, 0.1], [0.6, 0.7, 0.1], [0.4, 0.5, 0.2], [0.1, 0.1, 0.1]],
      labels: [[0], [1], [0, 1], [-1]], count: 3)
    #expect(scores.accuracy == 0.25)
    // Right 1 + 2 of found 2 + 2 and expected 2 + 2 + 1 unknown.
    #expect(abs(scores.microF1 - 6.0 / 9) < 1e-12)
    #expect(scores.f1[0] == 0.5 && scores.f1[1] == 1 && scores.f1[2] == nil)
    #expect(scores.macroF1 == 0.75 && abs(scores.hammingLoss - 2.0 / 12) < 1e-12)
    #expect(scores.areas[1] == 1 && scores.areas[0] == 0.75 && scores.areas[2] == nil)
    #expect(scores.auc == 0.875)
    let empty = MultiLabelScores(probabilities: [[0.1], [0.2]], labels: [[], []], count: 1)
    #expect(empty.accuracy == 1 && empty.microF1 == 0 && empty.auc == 0.5 && empty.averagePrecision == 0)
    #expect(abs(empty.logLoss + (log(0.9) + log(0.8)) / 2) < 1e-12)
  }

  @Test("Thresholds of the largest F1, of labels with rows enough, where they help")
  func thresholds() {
    // The first label is found below 0 already, the second is too rare.
    let logits: [Float] = (0..<40).flatMap { [Float($0) / 10 - 5, Float($0) - 38.5] }
    let labels: [[Int32]] = (0..<40).map { $0 >= 30 ? ($0 == 39 ? [0, 1] : [0]) : [] }
    let thresholds = LabelThresholds(logits: logits, labels: labels, count: 2).logits
    #expect(abs(thresholds[0] + 2.05) < 1e-5 && thresholds[1] == 0)
    let right: [[Int32]] = (0..<40).map { logits[$0 * 2] >= 0 ? [0] : [] }
    #expect(LabelThresholds(logits: logits, labels: right, count: 2).logits == [0, 0])
  }

  @Test("The weights of logits and evidence are those of the smallest cross-entropy")
  func weights() {
    // Twice too sure: three of four answers are right.
    let logits: [Float] = (0..<400).map { $0 % 2 == 0 ? 4 : -4 }
    let labels: [[Int32]] = (0..<400).map { ($0 % 2 == 0) == ($0 % 8 < 6) ? [0] : [] }
    let weights = LogitWeights(logits: logits, evidence: nil, labels: labels, count: 1)
    #expect(abs(weights.logits * 4 - log(3)) < 1e-3 && weights.evidence == 0)
    let none = LogitWeights(logits: [], evidence: nil, labels: [], count: 3)
    #expect(none.logits == 1)
  }

  @Test("Weights make rows with a label count as those without, and the loss is that of each answer")
  func loss() throws {
    let own = try task(
      try write(table(64, separator: nil)), columns.merging(["class-weights": "balanced"]) { $1 })
    let weights = try #require(own.objective.weights)
    let sizes = (0..<3).map { label in own.batches.training.count { $0.labels.contains(label) } }
    for (weight, size) in zip(weights, sizes) {
      #expect(abs(weight.has * Float(size) - weight.hasNot * Float(own.batches.training.count - size)) < 1e-3)
    }
    let plain = try task(scratch.file("a.csv"), columns)
    let (model, batch) = (plain.makeModel(cell: .gru), plain.batches.batch(seed: 1, step: 0, shard: .whole))
    var carried: [Tensor] = []
    let loss = plain.objective.loss(model, batch, carried: &carried, context: .inference(), probe: nil)
    let probabilities = MultiLabelObjective.probabilities(model, batch, .inference())
    var expected = 0.0
    for (row, labels) in zip(probabilities, batch.labels) {
      for (label, p) in row.enumerated() { expected -= log(labels.contains(Int32(label)) ? p : 1 - p) }
    }
    let count = probabilities.count * 3
    #expect(abs(Double(loss.mean.item) - expected / Double(count)) < 1e-5 && loss.weight == Double(count))
  }

  @Test("What is wrong with the data is one line that names the file")
  func errors() throws {
    let bad = "text,sun,rain,wind\na,1,0,2\n"
    #expect(try failure(bad, columns).contains("line 2, column 'wind': expected 1 or 0, found '2'"))
    #expect(
      try failure("text,sun,rain,wind\na,1,0,\n", columns).contains("column 'wind': expected 1 or 0, found"))
    #expect(try failure(bad, ["text": "text", "label": ["sun", "snow"]]).contains("'snow'"))
    let spaces = (0..<30).map { "a,x y\($0)\n" }.joined()
    #expect(
      try failure("text,tags\n" + spaces, one).contains(
        "column 'tags': expected labels with ';', '|' or ',' between those of a row, found none of these"))
    let same = (0..<30).map { _ in "a,x;y\n" }.joined()
    #expect(
      try failure("text,tags\n" + same, one).contains(
        "expected rows with different labels, found 'x, y' in every"))
    let none = (0..<30).map { _ in "a,0,0,0\n" }.joined()
    #expect(try failure("text,sun,rain,wind\n" + none, columns).contains("found none in any row"))
    let many = (0..<60).map { "a,x\($0);y\($0)\n" }.joined()
    #expect(try failure("text,tags\n" + many, one).contains("expected labels, found"))
    func problems(_ options: [String: OptionValue]) -> [String] {
      settings(options).problems(tasks: Tasks.all).map(\.description)
    }
    #expect(problems(["text": "text"]).contains { $0.contains("label") })
    #expect(
      problems(columns.merging(["label-separator": ";"]) { $1 }).contains { $0.contains("label-separator") })
    #expect(problems(one.merging(["label-separator": ""]) { $1 }).contains { $0.contains("label-separator") })
    #expect(problems(["text": "t", "label": ["a", "a"]]).contains { $0.contains("twice") })
  }
}
