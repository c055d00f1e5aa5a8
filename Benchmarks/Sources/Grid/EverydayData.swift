import Cellgate
import Foundation

/// What reading, tokenising and batching cost the task `classify` beside its training: made reviews in a table, and the steps of Keras'
/// example of film reviews on them.
struct EverydayData: Encodable {
  let command = "everyday", pass = "data"
  let reviews, threads: Int
  /// Of the table.
  let megabytes: Double
  /// Reading the table and making numbers of its words, once in a run.
  let readingMs: Double
  /// Making a batch, and the update on it: means over an epoch.
  let batchingMs, updateMs: Double
  /// Batching of a step, and reading and batching of a run's first epoch.
  let batchingShare, firstEpochShare: Double
  /// Steps past the ends of shorter reviews in the batches of an epoch.
  let paddingShare: Double

  init(_ options: Options) throws {
    (reviews, threads) = (options.batch, options.threads)
    let path = FileManager.default.temporaryDirectory.appending(
      path: "cellgate-reviews-\(ProcessInfo.processInfo.processIdentifier).csv"
    ).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let table = Self.table(options.batch)
    try Data(table.utf8).write(to: URL(filePath: path))
    megabytes = Double(table.utf8.count) / 1e6
    var settings = ClassifyTask.defaults
    settings.batch = 32
    for (name, value) in ["text": "review", "label": "sentiment"] {
      settings.taskOptions[name] = .text(value)
    }
    settings.taskOptions["length"] = 200
    let clock = ContinuousClock()
    var start = clock.now
    let prepared = try ClassifyTask.prepared(settings, data: .file(path))
    let task = try ClassifyTask(settings: prepared, data: .file(path))
    let reading = (clock.now - start) / .milliseconds(1)
    let model = try EverydayWorkload.reviewer(options.cell)
    let parameters = ParameterSet(model)
    let adam = Adam(count: parameters.count, settings: OptimizerSettings(learningRate: 1e-3))
    let steps = task.batches.stepsPerEpoch ?? 0
    var (batching, updating, valid, all) = (Duration.zero, Duration.zero, 0, 0)
    // The first update makes room for all others.
    for step in -1..<steps {
      start = clock.now
      let batch = task.batches.batch(seed: 1, step: max(0, step), shard: .whole)
      let made = clock.now
      parameters.zeroGradients()
      let output = model([batch.x], .training(seed: 1, step: UInt64(max(0, step))))[0]
      let target = Tensor(batch.classes.map { Float($0) }, shape: [batch.classes.count, 1])
      Loss.binaryCrossEntropy(output, target: target).backward()
      adam.step(parameters)
      guard step >= 0 else { continue }
      (batching, updating) = (batching + (made - start), updating + (clock.now - made))
      all += batch.x.tensor.shape[0] * batch.classes.count
      if case .lengths(let lengths)? = batch.x.mask {
        valid += lengths.reduce(0, +)
      } else {
        valid += batch.x.tensor.shape[0] * batch.classes.count
      }
    }
    readingMs = reading
    batchingMs = batching / .milliseconds(1) / Double(max(1, steps))
    updateMs = updating / .milliseconds(1) / Double(max(1, steps))
    batchingShare = batchingMs / (batchingMs + updateMs)
    let epoch = (batchingMs + updateMs) * Double(steps)
    firstEpochShare = (reading + batchingMs * Double(steps)) / (reading + epoch)
    paddingShare = all > 0 ? 1 - Double(valid) / Double(all) : 0
  }

  /// Reviews whose lengths are spread as those of the Large Movie Review Dataset: the logarithm is normal.
  private static func table(_ count: Int) -> String {
    var random = RandomStream(seed: 1, name: "reviews")
    var text = "review,sentiment\n"
    for row in 0..<count {
      let words = max(10, Int(exp(5.24 + 0.645 * Double(random.normal()))))
      text += "\""
      for place in 0..<words {
        text += place == 0 ? "" : place % 12 == 0 ? ". " : place % 7 == 0 ? ", " : " "
        // The letters of a word's rank.
        var rank = EverydayWorkload.word(&random) + 26
        while rank > 0 {
          text.unicodeScalars.append(Unicode.Scalar(UInt8(ascii: "a") + UInt8(rank % 26)))
          rank /= 26
        }
      }
      text += row % 2 == 0 ? ".\",good\n" : ".\",bad\n"
    }
    return text
  }
}
