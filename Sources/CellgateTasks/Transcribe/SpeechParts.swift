import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Which recordings belong to which part of the data of the task `transcribe`.
struct SpeechParts {
  private(set) var training: [SpeechFiles.Item] = []
  private(set) var validation: [SpeechFiles.Item] = []
  private(set) var test: [SpeechFiles.Item] = []
  /// What there is to say of the parts.
  private(set) var remarks: [Split: [String]] = [:]
  let checksum: String?

  /// The parts of the recordings at `path` and of those that the settings name.
  init(_ settings: TrainingSettings, _ path: String) throws(TaskDataError) {
    let items = try SpeechFiles(path).transcribed()
    var digests = [settings.data?.sha256 ?? ""]
    func other(_ option: TaskOption) throws(TaskDataError) -> [SpeechFiles.Item]? {
      guard let path = settings.text(option) else { return nil }
      let files = try SpeechFiles(path)
      digests.append(try files.digest())
      return try files.transcribed()
    }
    func named(_ split: String) -> [SpeechFiles.Item]? {
      let own = items.filter { $0.split == split }
      return own.isEmpty ? nil : own
    }
    var rest = items.filter { $0.split == nil || $0.split == "train" }
    let free = rest.count
    var held: [Split: [SpeechFiles.Item]] = [:]
    held[.validation] = try other(TranscribeOptions.validation) ?? named("valid")
    held[.test] = try other(TranscribeOptions.test) ?? named("test")
    for (split, option, share) in [
      (Split.test, TranscribeOptions.test, TranscribeOptions.testPercent),
      (.validation, TranscribeOptions.validation, TranscribeOptions.validPercent),
    ] where held[split] == nil {
      // Of one or more, while some are left for training.
      let count = min(max((free * settings.whole(share) + 50) / 100, 1), max(0, (free - 1) / 2))
      let parts = Self.drawn(count, from: rest, split)
      (held[split], rest) = (parts.held, parts.rest)
      remarks[split] = ["\(parts.held.count) recordings of --data, held out for want of --\(option.name)"]
    }
    training = rest
    validation = held[.validation] ?? []
    test = held[.test] ?? []
    checksum = "sha256:" + digests.joined(separator: ",")
    if training.isEmpty || validation.isEmpty || test.isEmpty {
      throw .unfit(
        file: path,
        reason: "expected 3 recordings or more, or --valid and --test, found \(items.count)")
    }
  }

  /// The recordings that a model is scored on: those of each part where any is named, else all.
  init(scoring path: String) throws(TaskDataError) {
    let items = try SpeechFiles(path).transcribed()
    func named(_ split: String) -> [SpeechFiles.Item] {
      let own = items.filter { $0.split == split }
      return own.isEmpty ? items : own
    }
    (validation, test, checksum) = (named("valid"), named("test"), nil)
  }

  /// So many recordings, the same for every seed, and the others.
  private static func drawn(
    _ count: Int, from items: [SpeechFiles.Item], _ split: Split
  ) -> (held: [SpeechFiles.Item], rest: [SpeechFiles.Item]) {
    var places = Array(items.indices)
    var stream = RandomStream(seed: 0, name: "transcribe/split/\(split.rawValue)")
    stream.shuffle(&places)
    let own = Set(places.prefix(count))
    return (
      items.indices.filter(own.contains).map { items[$0] },
      items.indices.filter { !own.contains($0) }.map { items[$0] }
    )
  }

  // MARK: What is learned of them

  /// The rate that recordings are brought to unless an option says so: the least of the training part, 16000 at most.
  func rate() throws(TaskDataError) -> Int {
    var least = Self.mostRate
    for item in training { least = min(least, try Self.outline(item).rate) }
    return max(least, Self.leastRate)
  }

  private static let mostRate = 16_000, leastRate = 1000

  private static func outline(
    _ item: SpeechFiles.Item
  ) throws(TaskDataError) -> (rate: Int, samples: Int) {
    do throws(WAVError) {
      let outline = try WAVFile.outline(item.audio)
      try SpeechEncoder.check(rate: outline.rate, of: item.audio)
      return outline
    } catch { throw .sound(error) }
  }

  /// The windows of the longest training recording, about.
  func longest(_ features: AudioFeatures) throws(TaskDataError) -> Int {
    var most = 1
    for item in training {
      let outline = try Self.outline(item)
      let samples = Double(outline.samples) * Double(features.rate) / Double(outline.rate)
      most = max(most, features.count(Int(min(samples, 1e12))))
    }
    return most
  }

  /// How many symbols the training transcripts have.
  var symbols: Int {
    Set(training.flatMap { SpeechPreprocessing.normalized($0.text ?? "").unicodeScalars }).count
  }

  /// The batches, with what is learned of the training part or what a model knows. Throws what is wrong with a recording or a
  /// transcript.
  func batches(
    _ settings: TrainingSettings, _ path: String, rate: Int, model: SpeechEncoder?
  ) throws(TaskDataError) -> (batches: SpeechBatches, remarks: [Split: [String]]) {
    let features = model?.speech.features ?? settings.audioFeatures(rate: rate)
    if let problem = features.problem { throw .unfit(file: path, reason: "features: \(problem)") }
    var numbers: [[Float]] = []
    for item in training { numbers.append(try SpeechEncoder.numbers(item.audio, features)) }
    let encoder =
      model
      ?? SpeechEncoder(
        features: features, stack: settings.whole(TranscribeOptions.stack), training: numbers,
        texts: training.map { $0.text ?? "" })
    if encoder.speech.alphabet.isEmpty {
      throw .unfit(file: path, reason: "expected transcripts with a character, found only empty ones")
    }
    let all = zip(training, numbers).map { encoder.example($0, $1) }
    if let place = all.firstIndex(where: { $0.unknown > 0 }) {
      throw .unfit(
        file: training[place].place,
        reason: "expected a transcript of the model's characters, found '\(quotedName(all[place].text))'")
    }
    let possible = all.filter { !$0.isImpossible }
    var remarks = remarks
    if possible.count < all.count {
      if possible.isEmpty {
        throw .unfit(
          file: path,
          reason: "expected recordings of as many steps as their transcripts have characters, found none; "
            + "see --stack and --hop")
      }
      remarks[.validation, default: []].append(
        "\(all.count - possible.count) of \(all.count) training recordings are too short for their transcripts and left out"
      )
    }
    func examples(_ items: [SpeechFiles.Item]) throws(TaskDataError) -> [SpeechEncoder.Example] {
      var examples: [SpeechEncoder.Example] = []
      for item in items {
        examples.append(encoder.example(item, try SpeechEncoder.numbers(item.audio, features)))
      }
      return examples
    }
    let batches = SpeechBatches(
      encoder: encoder, training: possible, validation: try examples(validation), test: try examples(test),
      count: settings.batch, masks: settings.spectrumMasks, checksum: checksum)
    return (batches, remarks)
  }
}
