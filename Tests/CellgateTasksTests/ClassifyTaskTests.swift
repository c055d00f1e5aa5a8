import CellgateCells
import CellgateCharts
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTasks
@testable import CellgateTraining

@Suite("Classes of texts and series")
struct ClassifyTaskTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func settings(_ options: [String: OptionValue]) -> TrainingSettings {
    var settings = ClassifyTask.defaults
    settings.taskOptions.merge(options) { $1 }
    (settings.hidden, settings.dropout, settings.cell) = (8, 0, "lstm-wm")
    (settings.schedule, settings.averageWeights) = (ScheduleSettings(), nil)
    return settings
  }

  private func task(_ file: String, _ options: [String: OptionValue] = [:]) throws -> ClassifyTask {
    let prepared = try ClassifyTask.prepared(settings(options), data: .file(file))
    return try ClassifyTask(settings: prepared, data: .unspecified)
  }

  private func failure(_ text: String, _ options: [String: OptionValue], as name: String = "a.csv") throws
    -> String
  {
    let file = try scratch.write(Array(text.utf8), as: name)
    return try #require(throws: TaskDataError.self) { try task(file, options) }.description
  }

  /// Reviews whose class is said by one word, and a word that only some part has.
  private func reviews(_ count: Int, word: String = "film") -> String {
    "review,sentiment\n"
      + (0..<count).map {
        "\"the \(word), number \($0 % 5), is \($0 % 3 == 0 ? "bad" : "good")\",\($0 % 3 == 0 ? "no" : "yes")\n"
      }
      .joined()
  }

  private let texts: [String: OptionValue] = ["text": "review", "label": "sentiment", "embedding": 8]

  @Test(
    "A model learns texts of a table, and its file alone takes raw rows",
    arguments: ["last", "max", "mean", "attention", "mean+max"])
  func learns(pooling: String) throws {
    let file = try scratch.write(Array(reviews(120).utf8), as: "reviews.csv")
    var prepared = settings(texts.merging(["pooling": .text(pooling), "class-weights": "balanced"]) { $1 })
    (prepared.epochs, prepared.steps, prepared.optimizerSettings.learningRate) = (nil, 80, 0.02)
    prepared = try ClassifyTask.prepared(prepared, data: .file(file))
    let folder = try RunDirectory(creating: scratch.file("run"), settings: prepared)
    let task = try ClassifyTask(settings: prepared, data: .unspecified)
    guard case .completed(let result) = try Trainer(task: task, settings: prepared, directory: folder).run()
    else {
      Issue.record("expected a run to its end")
      return
    }
    #expect(result.value == 1)
    let raw = try scratch.write(Array("id,review\n1,it is bad\n2,\n3,good film\n".utf8), as: "new.csv")
    let classifier = try #require(RowPredictor(try Model.load(folder.path)))
    let all = try classifier.predictions(raw)
    #expect(all.map(\.id) == ["1", "2", "3"] && classifier.header(all)[0] == "id")
    #expect(all[0].label == "no" && all[2].label == "yes")
    #expect(all.allSatisfy { abs($0.probabilities.reduce(0, +) - 1) < 1e-5 })
    // The same numbers one by one; a padded sequence may differ in a rounding.
    for (one, other) in zip(try classifier.predictions(raw, batch: 1), all) {
      #expect(one.label == other.label)
      for (a, b) in zip(one.probabilities, other.probabilities) { #expect(abs(a - b) < 1e-5) }
    }
    let new = try scratch.write(Array(reviews(30, word: "play").utf8), as: "other.csv")
    let scored = try Tasks.evaluate(run: folder.path, data: DataDirectory(option: new))
    #expect(scored.evaluation.value == 1)
  }

  @Test(
    "Rows are named by a column `id`, unless the model reads it, and by their number in a table without one")
  func ids() throws {
    let file = try scratch.write(Array("ID,review,y\nb7,good,1\n,bad,0\n".utf8), as: "ids.csv")
    var source = Preprocessing.RowSource()
    (source.text, source.label) = ("review", "y")
    let read = try SequenceRows(file, source: source, labels: .classes)
    #expect(read.idColumn == "ID" && read.rows.map(\.id) == ["b7", "2"])
    let new = try scratch.write(Array("review\ngood\n".utf8), as: "none.csv")
    let unnamed = try SequenceRows(new, source: read.source, labels: nil)
    #expect(unnamed.idColumn == nil && unnamed.rows.map(\.id) == ["1"])
    (source.text, source.features) = (nil, ["ID"])
    let numbers = try scratch.write(Array("ID,y\n5,1\n6,0\n".utf8), as: "numbers.csv")
    let wide = try SequenceRows(numbers, source: source, labels: .classes)
    #expect(wide.idColumn == nil && wide.rows.map(\.id) == ["1", "2"])
  }

  @Test("Nothing of the validation and test parts is learned: words, scales, classes")
  func leaks() throws {
    let train = try scratch.write(Array(reviews(60).utf8), as: "train.csv")
    let test = try scratch.write(
      Array((reviews(30, word: "leak") + "other,maybe\n").utf8), as: "test.csv")
    let own = try task(train, texts.merging(["test": .text(test)]) { $1 })
    let words = try #require(own.batches.encoder.preprocessing.words)
    #expect(words.contains("film") && !words.contains("leak"))
    #expect(own.batches.encoder.labels == ["no", "yes"])
    #expect(own.batches.examples(.test).last?.label == -1)
    // By share of one file: a word and a number of each row, so that what is held out is unknown.
    let each = "a,x,y\n" + (0..<40).map { "word\($0) both,\($0 < 39 ? $0 : 1000),\($0 % 2)\n" }.joined()
    let file = try scratch.write(Array(each.utf8), as: "each.csv")
    let shares = try task(file, ["text": "a", "label": "y", "least-count": 1])
    let known = try #require(shares.batches.encoder.preprocessing.words)
    #expect(shares.batches.training.count == 28 && known.count == 29)
    let numbers = try task(file, ["features": ["x"], "label": "y", "valid-percent": 15])
    let scaler = try #require(numbers.batches.encoder.preprocessing.inputScaler)
    let raw = numbers.batches.training.map { $0.values[0] * scaler.deviations[0] + scaler.means[0] }
    #expect(abs(raw.reduce(0, +) / Float(raw.count) - scaler.means[0]) < 1e-2)
    #expect(numbers.batches.training.count == 28)
  }

  @Test("Shares are of each class, and every part has each class")
  func stratified() {
    let rows = (0..<100).map { SequenceRows.Row(id: "\($0)", line: $0, label: $0 < 90 ? "a" : "b") }
    let parts = PartChoice(validation: 20, test: 10).parts(of: rows)
    #expect(parts.training.count == 70)
    #expect(parts.validation.count == 20)
    #expect(parts.test.count == 10)
    let few = (parts.validation.filter { $0.label == "b" }, parts.test.filter { $0.label == "b" })
    #expect(few.0.count == 2)
    #expect(few.1.count == 1)
    #expect(Set((parts.training + parts.validation + parts.test).map(\.id)).count == 100)
  }

  @Test("Series of UCR's and UEA's files and of long tables are read alike")
  func forms() throws {
    let ucr = try scratch.write(Array("1\t0.5\t1.5\tNaN\n-1\t2\tNaN\t4\n".utf8), as: "a_TRAIN.tsv")
    let wide = try SequenceRows(ucr, source: .init(), labels: .classes)
    #expect(wide.rows.map(\.label) == ["1", "-1"])
    #expect(wide.rows[0].numbers == [0.5, 1.5])
    #expect(MissingNumbers.interpolate.filled(wide.rows[1].numbers, width: 1) == [2, 3, 4])
    let uea = try scratch.write(
      Array("# x\n@classLabel true 1 2\n@data\n1,2,3:4,5,6:one\n1,?,3:4,5:two\n".utf8), as: "a.ts")
    let series = try SequenceRows(uea, source: .init(), labels: .classes)
    #expect(series.width == 2 && series.rows.map(\.label) == ["one", "two"])
    #expect(series.rows[0].numbers == [1, 4, 2, 5, 3, 6])
    #expect(MissingNumbers.interpolate.filled(series.rows[1].numbers, width: 2) == [1, 4, 2, 5, 3, 5])
    var source = Preprocessing.RowSource()
    (source.group, source.time, source.features, source.label) = ("id", "t", ["a", "b"], "y")
    let log = try scratch.write(
      Array("id,t,a,b,y\nu,2,3,4,p\nv,1,5,6,q\nu,1,1,2,p\n".utf8), as: "log.csv")
    let long = try SequenceRows(log, source: source, labels: .classes)
    #expect(long.rows.map(\.id) == ["u", "v"] && long.rows.map(\.label) == ["p", "q"])
    #expect(long.rows[0].numbers == [1, 2, 3, 4])
  }

  @Test("Arrays and folders of texts are rows, too")
  func arraysAndFolders() throws {
    let file = scratch.file("a.npz")
    try ArrayFile.write(
      [
        ("x", Tensor([1, 2, 3, 4, 5, 6, 7, 8], shape: [2, 2, 2])), ("y", Tensor([0, 1.5], shape: [2])),
        ("lengths", Tensor([1, 2], shape: [2])),
      ].map { (name: $0.0, tensor: $0.1) }, to: file)
    let arrays = try SequenceRows(file, source: .init(), labels: .numbers)
    #expect(arrays.width == 2 && arrays.rows.map(\.label) == ["0", "1.5"])
    #expect(arrays.rows.map(\.numbers) == [[1, 2], [5, 6, 7, 8]])
    for (label, name, text) in [("pos", "1.txt", "good"), ("neg", "2.txt", "bad"), ("pos", "0.txt", "fine")] {
      let folder = scratch.file("texts/" + label)
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
    }
    let texts = try SequenceRows(scratch.file("texts"), source: .init(), labels: .classes)
    #expect(texts.rows.map(\.id) == ["neg/2.txt", "pos/0.txt", "pos/1.txt"])
    #expect(
      texts.rows.map(\.text) == ["bad", "fine", "good"] && texts.rows.map(\.label) == ["neg", "pos", "pos"])
  }

  @Test("Sequences of frames are rows: arrays of frames, and folders of pictures, video and arrays")
  func clips() throws {
    let four = scratch.file("four.npz")
    try ArrayFile.write(
      [("x", Tensor((0..<8).map(Float.init), shape: [1, 2, 2, 2])), ("y", Tensor([3], shape: [1]))]
        .map { (name: $0.0, tensor: $0.1) }, to: four)
    let frames = try SequenceRows(four, source: .init(), labels: .classes)
    #expect(frames.width == 4 && frames.rows.map(\.numbers) == [(0..<8).map(Float.init)])

    // Two pixels, grey: a picture each, a raw video, an array.
    for (place, grey) in [UInt8(0), 255, 51].enumerated() {
      try scratch.write(PNG.grey([grey, 255 - grey], width: 2), as: "clips/a/one/\(place + 8).png")
    }
    try scratch.write(
      Array("YUV4MPEG2 W2 H1 F25:1 Cmono\nFRAME\n".utf8) + [255, 0], as: "clips/b/two.y4m")
    func array(_ numbers: [Float], _ shape: [Int], _ name: String) throws {
      try ArrayFile.write([(name: "x", tensor: Tensor(numbers, shape: shape))], to: scratch.file(name))
    }
    try array([0.5, 1, 2, 3], [2, 2], "clips/b/three.npy")
    // Features of pictures, a tensor each.
    try ArrayFile.write(
      [("10.png", Tensor([3, 4], shape: [2])), ("9.png", Tensor([1, 2], shape: [2]))]
        .map { (name: $0.0, tensor: $0.1) }, to: scratch.file("clips/b/four.safetensors"))
    let rows = try SequenceRows(scratch.file("clips"), source: .init(), labels: .classes)
    #expect(rows.rows.map(\.id) == ["a/one", "b/four.safetensors", "b/three.npy", "b/two.y4m"])
    #expect(rows.rows.map(\.label) == ["a", "b", "b", "b"])
    #expect(rows.rows.map(\.numbers.count) == [6, 4, 4, 2] && rows.width == 2)
    #expect(rows.rows[1].numbers == [1, 2, 3, 4])
    // In the natural order of the names: 8, 9, 10.
    #expect(rows.rows[0].numbers == [0, 1, 1, 0, 0.2, 0.8] && rows.rows[2].numbers == [0.5, 1, 2, 3])
    // Without classes a clip lies in the folder itself, and must be as wide as those of the training.
    let alone = try SequenceRows(scratch.file("clips/b"), source: rows.source, labels: nil)
    #expect(alone.rows.map(\.id) == ["four.safetensors", "three.npy", "two.y4m"])
    try FileManager.default.createDirectory(
      atPath: scratch.file("clips/c"), withIntermediateDirectories: true)
    try array([0.5, 1, 2], [1, 3], "clips/c/wide.npy")
    let wide = scratch.file("clips/c/wide.npy")
    #expect(
      throws: TaskDataError.unfit(
        file: wide,
        reason: "expected frames of 2 numbers as in \(scratch.file("clips/a/one")), found 3")
    ) { try SequenceRows(scratch.file("clips"), source: .init(), labels: .classes) }
    #expect(
      throws: TaskDataError.unfit(
        file: scratch.file("clips/c"),
        reason: "expected rows as in training, found a folder of sequences of frames with 3 numbers each")
    ) { try SequenceRows(scratch.file("clips/c"), source: rows.source, labels: nil) }
  }

  @Test("A number is learned in its own units, and predicted alone")
  func numbers() throws {
    let table =
      "g,a,y\n"
      + (0..<80).flatMap { group in
        (0..<3).map { "s\(group),\($0 * (group % 8)),\(100 + 10 * (group % 8))\n" }
      }
      .joined()
    let file = try scratch.write(Array(table.utf8), as: "numbers.csv")
    var settings = RegressTask.defaults
    settings.taskOptions.merge(["group": "g", "features": ["a"], "label": "y"]) { $1 }
    (settings.hidden, settings.epochs, settings.steps) = (8, nil, 150)
    settings = try RegressTask.prepared(settings, data: .file(file))
    let folder = try RunDirectory(creating: scratch.file("regress"), settings: settings)
    let task = try RegressTask(settings: settings, data: .unspecified)
    guard case .completed(let result) = try Trainer(task: task, settings: settings, directory: folder).run()
    else {
      Issue.record("expected a run to its end")
      return
    }
    // The numbers have a deviation of 23.
    #expect(result.baseline > 15 && result.value < result.baseline / 2)
    #expect(try #require(result.extras["r2"]) > 0.7)
    let predictor = try #require(RowPredictor(try Model.load(folder.path)))
    #expect(predictor.header() == ["g", "prediction"])
    let predictions = try predictor.predictions(file)
    #expect(predictions.count == 80 && predictions.allSatisfy { $0.probabilities.isEmpty })
    #expect(predictions.map(\.number).allSatisfy { $0.map { $0 > 50 && $0 < 250 } ?? false })
    // Piece by piece a sequence is given once the next one begins, and the last one at the end.
    var pieces: [RowPredictor.Prediction] = []
    try predictor.forEachPiece(file) { pieces += $0 }
    #expect(pieces.map(predictor.fields) == predictions.map(predictor.fields))
    let text = try #require(throws: TaskDataError.self) {
      let bad = try scratch.write(Array("g,a,y\n1,2,x\n".utf8), as: "bad.csv")
      _ = try RegressTask.prepared(settings, data: .file(bad))
    }
    #expect(text.description.contains("line 2, column 'y': expected a number, found 'x'"))
  }

  @Test("Each of the temperatures makes the right classes the likeliest")
  func temperature() {
    // Of logits ±2 three are right of four: softmax at T gives 3/4 where 4 / T = ln 3.
    let logits: [Float] = [2, -2, 2, -2, 2, -2, 2, -2]
    let alone = LogitWeights(logits: logits, evidence: nil, classes: [0, 0, 0, 1])
    #expect(abs(alone.logits - log(3.0) / 4) < 1e-4 && alone.evidence == 0)
    #expect(LogitWeights(logits: [], evidence: nil, classes: []).logits == 1)
    // A second opinion that is right where the logits are wrong counts, and one that is nothing doesn't change them.
    let useful = LogitWeights(
      logits: logits, evidence: [0, 0, 0, 0, 0, 0, -1, 1], classes: [0, 0, 0, 1])
    #expect(useful.evidence > 2)
    let none = LogitWeights(logits: logits, evidence: logits.map { _ in 0 }, classes: [0, 0, 0, 1])
    #expect(abs(none.logits - alone.logits) < 1e-4)
  }

  @Test("What words say for classes is that of naive Bayes on the training part")
  func evidence() throws {
    let table = "a,y,part\ngood film,p,train\ngood,p,train\nbad film,n,train\nx,p,valid\nx,p,test\n"
    let file = try scratch.write(Array(table.utf8), as: "words.csv")
    let own = try task(file, ["text": "a", "label": "y", "split": "part", "least-count": 1, "unit": "words"])
    let words = try #require(own.batches.encoder.preprocessing.words)
    let evidence = WordEvidence(own.batches).table
    #expect(
      evidence.shape == [words.count + 2, 2] && evidence[0].scalars == [0, 0]
        && evidence[1].scalars == [0, 0])
    let good = try #require(words.firstIndex(of: "good")) + 2
    // Of the classes n and p: 0 and 2 texts have it, each count being one more, of 7 and 8 with those of all numbers.
    let difference = log(3.0 / 8) - log(1.0 / 7)
    #expect(abs(Double(evidence[good].scalars[1] - evidence[good].scalars[0]) - difference) < 1e-5)
  }

  /// The weights are where a loss is smallest, which is flat there.
  @Test("A model that is calibrated once more, trained on from a calibrated one, stays as it is")
  func calibratedTwice() throws {
    let rows = (0..<60).map { place -> String in
      // Two texts of three say what they are.
      let word = place % 3 == 0 ? "film" : place % 2 == 0 ? "good" : "bad"
      return "the \(word) w\(place % 7),\(place % 2 == 0 ? "p" : "n"),\(place < 30 ? "train" : "valid")\n"
    }
    let table = "a,y,part\n" + rows.joined() + "x,p,test\n"
    let file = try scratch.write(Array(table.utf8), as: "twice.csv")
    let own = try task(file, ["text": "a", "label": "y", "split": "part", "least-count": 1, "unit": "words"])
    let model = own.makeModel(cell: .lstm)
    func logits() throws -> [Float] {
      try #require(ClassifierCalibration(batches: own.batches).logits(model, .inference()))
    }
    #expect(own.finish(model, context: .inference()))
    let once = try logits()
    #expect(own.finish(model, context: .inference()))
    let largest = try #require(once.map(abs).max())
    #expect(largest > 0.5)
    for (found, expected) in zip(try logits(), once) { #expect(abs(found - expected) < 0.02 * largest) }
  }

  @Test("A column of parts is followed, and a sequence is of one part")
  func parts() throws {
    let rows = (0..<12).map { "w\($0),\($0 % 2),\($0 < 8 ? "train" : $0 < 10 ? "dev" : "test")\n" }.joined()
    let file = try scratch.write(Array(("a,y,part\n" + rows).utf8), as: "parts.csv")
    let own = try task(file, ["text": "a", "label": "y", "split": "part", "unit": "words"])
    #expect(own.batches.training.count == 8)
    #expect(own.batches.examples(.validation).count == 2 && own.batches.examples(.test).count == 2)
    let options: [String: OptionValue] = [
      "features": ["a"], "group": "g", "label": "y", "split": "part",
    ]
    #expect(
      try failure("g,a,y,part\n1,1,p,train\n1,2,p,test\n", options).contains(
        "line 3, column 'part': expected 'train' as in the other rows of 1, found 'test'"))
    #expect(
      try failure("g,a,y,part\n1,1,p,train\n2,2,p,maybe\n", options).contains(
        "line 3, column 'part': expected train, valid or test, found 'maybe'"))
    let other = try scratch.write(Array("g,a,y\n1,1,p\n5,2,q\n".utf8), as: "other.csv")
    #expect(
      try failure(
        "g,a,y\n1,1,p\n2,2,q\n",
        ["features": ["a"], "group": "g", "label": "y", "test": .text(other)]
      ).contains("found '1' of line 2 of"))
  }

  @Test("Scores are those of the definitions")
  func scores() {
    let scores = ClassScores(
      probabilities: [[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.8, 0.2]], classes: [0, 0, 1, 1], count: 2)
    #expect(scores.accuracy == 0.5)
    #expect(scores.confusion == [[1, 1], [1, 1]])
    #expect(scores.macroF1 == 0.5 && scores.weightedF1 == 0.5)
    // Of the four pairs 0.7 > 0.1, 0.7 > 0.6 and 0.2 > 0.1.
    #expect(scores.auc == 0.75)
    // Of class 1 the examples are found at ranks 1 and 3, of class 0 at ranks 1 and 3.
    #expect(abs(scores.averagePrecision - (1 + 2.0 / 3) / 2) < 1e-12)
    // In bins of a fifteenth: 0.9 right, 0.6 wrong, 0.7 right and 0.8 wrong.
    #expect(abs(scores.calibrationError - (0.1 + 0.6 + 0.3 + 0.8) / 4) < 1e-12)
    #expect(abs(scores.logLoss + (log(0.9) + log(0.4) + log(0.7) + log(0.2)) / 4) < 1e-12)
    let unknown = ClassScores(probabilities: [[1, 0], [1, 0]], classes: [0, -1], count: 2)
    #expect(unknown.accuracy == 0.5 && unknown.auc.isNaN == false)
  }

  @Test("Every shard is its part of the batch, and an epoch shows every example equally often")
  func batches() throws {
    let file = try scratch.write(Array(reviews(100).utf8), as: "reviews.csv")
    let batches = try task(file, texts).batches
    let steps = try #require(batches.stepsPerEpoch)
    #expect(steps >= 25)
    let count = (0..<steps).reduce(0) { $0 + batches.batch(seed: 1, step: $1, shard: .whole).classes.count }
    #expect(count % batches.training.count == 0)
    let whole = batches.batch(seed: 3, step: 1, shard: .whole).classes
    let parts = (0..<2).flatMap { batches.batch(seed: 3, step: 1, shard: Shard($0, of: 2)).classes }
    #expect(parts == whole)
  }

  @Test("What is wrong with the data is one line that names the file and the column")
  func errors() throws {
    #expect(
      try failure("review,sentiment\na,x\nb,x\nc,x\nd,x\n", texts).contains(
        "column 'sentiment': expected two classes or more, found 'x' alone"))
    #expect(
      try failure("review,sentiment\na,x\nb,\n", texts).contains(
        "line 3, column 'sentiment': expected a class, found none"))
    #expect(try failure("review,label\na,x\nb,y\n", texts).contains("expected a column 'sentiment'"))
    #expect(
      try failure("review,sentiment\na,x\nb,y\n", texts).contains(
        "expected rows enough for validation and test"))
    #expect(try failure("a,b\nx,y\n", [:]).contains("expected a class and the numbers of a series"))
    #expect(
      try failure("a,y\n\"1,5\",p\n2,q\n", ["features": ["a"], "label": "y"]).contains(
        "line 2, column 'a': expected a number, found '1,5'"))
    #expect(
      try failure("g,a,y\n1,1,p\n1,2,q\n", ["features": ["a"], "group": "g", "label": "y"]).contains(
        "line 3, column 'y': expected 'p' as in the other rows of 1, found 'q'"))
    #expect(try failure("@data\n1,x:a\n", [:], as: "a.ts").contains("line 2, dimension 1: expected numbers"))
    #expect(try failure("1,2\n", [:], as: "b.ts").contains("expected @data"))
    let problems = settings(["features": ["a"]]).problems(tasks: Tasks.all).map(\.description)
    #expect(problems.contains { $0.contains("label") })
  }
}
