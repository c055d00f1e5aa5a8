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

@Suite("Captions of pictures")
struct CaptionsTaskTests {
  static func settings(
    _ model: String = "show-and-tell", cell: String = "lstm-wm",
    _ change: (inout TrainingSettings) -> Void = { _ in }
  ) -> TrainingSettings {
    var settings = CaptionsTask.defaults
    settings.taskOptions.merge(["model": .text(model), "embedding": 8, "attention": 6, "least-count": 1]) {
      $1
    }
    (settings.cell, settings.hidden, settings.batch, settings.dropout) = (cell, 12, 8, 0)
    (settings.epochs, settings.steps) = (nil, 120)
    settings.optimizerSettings.learningRate = 0.02
    settings.schedule.name = "constant"
    change(&settings)
    return settings
  }

  private func prepared(_ settings: TrainingSettings, _ pictures: MadePictures) throws -> TrainingSettings {
    try CaptionsTask.prepared(settings, data: .folder(pictures.scratch.path))
  }

  @Test(
    "Models of every form learn captions made by rule with any cell, and their file alone writes the same",
    arguments: ["show-and-tell", "show-attend-tell", "up-down"])
  func learns(model: String) throws {
    let pictures = try MadePictures()
    let settings = try prepared(Self.settings(model), pictures)
    let task = try CaptionsTask(settings: settings, data: .unspecified)
    let folder = try RunDirectory(creating: pictures.scratch.file("run"), settings: settings)
    let trainer = try Trainer(task: task, settings: settings, directory: folder)
    guard case .completed(let result) = try trainer.run() else {
      Issue.record("expected a run to its end")
      return
    }
    #expect(result.value > 1.5 * result.baseline, "CIDEr \(result.value), baseline \(result.baseline)")
    let writer = try CaptionWriter(folder.path)
    let isAttending = model != "show-and-tell"
    let features = try writer.features(isAttending ? pictures.regions : pictures.pooled)
    let rows = Array(0..<24)
    let found = try #require(
      try writer.captions(of: features, rows: rows, search: BeamSearch(width: 3, lengthPower: 1)))
    #expect(found.count == 24 && found.allSatisfy { $0.count == 1 && !$0[0].words.contains("<unk>") })
    // In another batch the same.
    let alone = try #require(
      try writer.captions(of: features, rows: [17], search: BeamSearch(width: 3, lengthPower: 1)))
    #expect(alone[0][0].text == found[17][0].text)
    let attention = try writer.attention(found.map { $0[0] }, of: features, rows: rows)
    #expect((attention != nil) == isAttending)
    for weights in attention?.flatMap({ $0 }) ?? [] {
      let sum = weights.reduce(0, +)
      #expect(weights.count == 4 && abs(sum - 1) < 1e-5)
    }
    // Greedy captions are a beam of one.
    let scores = try #require(
      try task.scores(writer, on: .test, search: BeamSearch(width: 1)))
    #expect(abs(scores.cider - result.value) < 1e-12)
    let samples = task.bound(cell: Cell.lstmWM).samples(3)
    #expect(samples.count == 3)
  }

  @Test("A run that was interrupted and resumed has the same bits, with words that the model draws itself")
  func resumed() throws {
    let pictures = try MadePictures()
    let settings = try prepared(
      Self.settings("show-attend-tell", cell: "lstm") {
        ($0.steps, $0.dropout, $0.evaluationInterval) = (40, 0.2, 20)
        $0.taskOptions["scheduled-sampling"] = 0.2
        $0.taskOptions["attention-penalty"] = 0.1
      }, pictures)
    func run(_ name: String, stops: [Int]) throws -> [UInt8]? {
      let folder = try RunDirectory(creating: pictures.scratch.file(name), settings: settings)
      for stop in stops + [.max] {
        let task = try CaptionsTask(settings: settings, data: .unspecified)
        let trainer = try Trainer(task: task, settings: settings, directory: folder)
        _ = try trainer.run(shouldStop: { trainer.step >= stop })
      }
      return pictures.scratch.read(name + "/model.safetensors")
    }
    let whole = try run("whole", stops: [])
    #expect(try whole != nil && run("cut", stops: [7, 29]) == whole)
  }

  @Test("Self-critical training goes on from a model and doesn't lose what it knew")
  func selfCritical() throws {
    let pictures = try MadePictures()
    let first = try prepared(Self.settings(cell: "gru"), pictures)
    let folder = try RunDirectory(creating: pictures.scratch.file("one"), settings: first)
    let trainer = try Trainer(
      task: try CaptionsTask(settings: first, data: .unspecified), settings: first, directory: folder)
    guard case .completed(let before) = try trainer.run() else { return }
    var second = Self.settings(cell: "gru") {
      $0.taskOptions["objective"] = "self-critical"
      $0.steps = 20
      $0.optimizerSettings.learningRate = 0.002
    }
    #expect(second.problems(tasks: [CaptionsTask.self]).contains { "\($0)".contains("--from") })
    second.from = try ModelSource(folder.path)
    second = try prepared(second, pictures)
    let task = try CaptionsTask(settings: second, data: .unspecified)
    guard case .completed(let after) = try Trainer(task: task, settings: second).run() else { return }
    #expect(after.value > 0.8 * before.value, "\(before.value) → \(after.value)")
  }

  @Test("The shards of a batch are the batch, and an epoch has every caption once")
  func shards() throws {
    let pictures = try MadePictures()
    let task = try CaptionsTask(settings: try prepared(Self.settings(), pictures), data: .unspecified)
    let batches = task.batches
    let steps = try #require(batches.stepsPerEpoch)
    var seen: [[Int32]] = []
    for step in 0..<steps {
      let whole = batches.batch(seed: 3, step: step, shard: .whole)
      let parts = (0..<3).map { batches.batch(seed: 3, step: step, shard: Shard($0, of: 3)) }
      #expect(parts.flatMap(\.captions) == whole.captions)
      #expect(
        parts.flatMap { part in part.owners.map { part.pictures[Int($0)] } }
          == whole.owners.map { whole.pictures[Int($0)] })
      seen += whole.captions
    }
    #expect(seen.count == batches.training.count)
    #expect(seen.map(\.description).sorted() == batches.training.map(\.words.description).sorted())
  }

  @Test("Options may name the files, lists the parts, and standardised features the deviation 1")
  func files() throws {
    let pictures = try MadePictures()
    let lists = ["0-0\n0-1.jpg\n", "0-2.jpg 0-2\n"]
    for (name, text) in zip(["train.txt", "valid.txt"], lists) {
      try pictures.scratch.write(Array(text.utf8), as: name)
    }
    let settings = Self.settings {
      $0.taskOptions["captions"] = .text(pictures.captions)
      $0.taskOptions["features"] = .text(pictures.pooled)
      $0.taskOptions["splits"] = .list(
        ["train.txt", "valid.txt", "rest"].map { .text(pictures.scratch.file($0)) })
    }
    let task = try CaptionsTask(
      settings: CaptionsTask.prepared(settings, data: .unspecified), data: .unspecified)
    #expect(task.batches.training.count == 4)
    #expect(task.batches.batches(of: .test).map { $0.pictures.count } == [21])
    #expect(task.objective.features.scaler != nil)
  }

  @Test("COCO's folder is taken where it has captions, vectors and regions, else Flickr8k's")
  func folder() throws {
    let scratch = try Scratch()
    let data = DataSource.folder(scratch.path)
    #expect(CaptionFiles.folder(data) == scratch.path)
    try scratch.write([], as: "flickr8k/images.txt")
    for name in ["dataset_coco.json", "resnet_pool.npy", "resnet_region.npz"] {
      #expect(CaptionFiles.folder(data) == scratch.path + "/flickr8k")
      try scratch.write([], as: "coco/\(name)")
    }
    #expect(CaptionFiles.folder(data) == scratch.path + "/coco")
  }

  @Test("Before training it is said how much is read and how much memory it takes")
  func summary() throws {
    let pictures = try MadePictures()
    let task = try CaptionsTask(
      settings: prepared(Self.settings(), pictures), data: .folder(pictures.scratch.path))
    let summary = try #require(task.dataSummary)
    let rows = Set(task.batches.training.map(\.row)).count
    #expect(summary.hasPrefix("\(rows) pictures and \(task.batches.training.count) captions to train on"))
    #expect(summary.contains("\(task.objective.features.width) numbers a picture"))
    #expect(summary.contains("of memory for features and updates"))
    #expect(summary.contains("as they are needed") == (task.objective.features.bytesInMemory == 0))
  }

  @Test("What doesn't fit is named with its file")
  func mistakes() throws {
    let pictures = try MadePictures()
    func reason(_ change: (inout TrainingSettings) -> Void) -> String {
      do {
        let settings = try prepared(Self.settings("show-and-tell", change), pictures)
        _ = try CaptionsTask(settings: settings, data: .unspecified)
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      reason { $0.taskOptions["features"] = .text(pictures.regions) }.contains(
        "region.npy: expected a vector"))
    #expect(reason { $0.taskOptions["features"] = "nothing.npy" }.contains("nothing.npy"))
    #expect(reason { $0.taskOptions["captions"] = .text(pictures.pooled) }.contains("pool.npy"))
    try pictures.scratch.write(Array("0-0.jpg\n0-1.jpg\n".utf8), as: "names.txt")
    #expect(
      reason { $0.taskOptions["feature-names"] = .text(pictures.scratch.file("names.txt")) }.contains(
        "24 names"))
    let empty = try Scratch()
    #expect(throws: TaskDataError.self) {
      try CaptionsTask.prepared(Self.settings(), data: .folder(empty.path))
    }
    let settings = try prepared(Self.settings(), pictures)
    try pictures.scratch.write(Array("{\"images\": []}".utf8), as: "dataset_made.json")
    #expect(throws: TaskDataError.self) { try CaptionsTask(settings: settings, data: .unspecified) }
    let problems = Self.settings { $0.bidirectional = true }.problems(tasks: [CaptionsTask.self])
    #expect(problems.contains { "\($0)".contains("must not see") })
    #expect(
      Self.settings { $0.taskOptions["tie-weights"] = "yes" }.problems(tasks: [CaptionsTask.self]).count == 1)
  }
}
