import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateTensor
import CellgateTraining

/// The parts of the data of the task `tag`, with what is learned of the training part, or what a model knows.
struct TagParts {
  let batches: TagBatches
  /// What there is to say of the parts.
  let remarks: [Split: String]

  /// The parts of the file at `path` and of those that the settings name.
  init(_ settings: TrainingSettings, _ path: String, model: TokenEncoder?) throws(TaskDataError) {
    guard let columns = TokenColumns(settings.list(TagOptions.columns)?.compactMap(\.text)) else {
      fail("TagTask: expected columns that were checked, found others")
    }
    let file = try CoNLLFile(path, columns: columns, needsTags: true)
    var digests = [settings.data?.sha256 ?? ""]
    func other(_ option: TaskOption) throws(TaskDataError) -> [CoNLLFile.Sentence]? {
      guard let name = settings.text(option) else { return nil }
      digests.append(try SHA256.hex(ofTaskFile: name))
      return try CoNLLFile(name, columns: columns, needsTags: true).sentences
    }
    let (validation, test) = (try other(TagOptions.validation), try other(TagOptions.test))
    let percents = (
      validation == nil ? settings.whole(TagOptions.validPercent) : 0,
      test == nil ? settings.whole(TagOptions.testPercent) : 0
    )
    let places = HeldOut(
      of: file.sentences.count, validation: percents.0, test: percents.1, stream: "tag/split")
    let training = places.training.map { file.sentences[$0] }
    let held = (
      validation ?? places.validation.map { file.sentences[$0] },
      test ?? places.test.map { file.sentences[$0] }
    )
    if training.isEmpty || held.0.isEmpty || held.1.isEmpty {
      throw .unfit(
        file: path,
        reason:
          "expected 3 sentences or more, or --valid and --test, found \(file.sentences.count)")
    }
    var remarks: [Split: String] = [:]
    for (split, percent, count) in [
      (Split.validation, percents.0, held.0.count), (.test, percents.1, held.1.count),
    ] where percent > 0 {
      let name = split == .test ? TagOptions.test.name : TagOptions.validation.name
      remarks[split] = "\(count) sentences of --data, held out for want of --\(name)"
    }
    self.remarks = remarks

    let preprocessing =
      model?.preprocessing ?? TokenEncoder.preprocessing(fitting: training, columns: columns, settings)
    guard let encoder = TokenEncoder(preprocessing) else {
      fail("TagTask: expected words and tags, found none")
    }
    if encoder.labels.count < 2 {
      throw .unfit(
        file: path,
        reason: "expected two tags or more, found '\(quotedName(encoder.labels.first ?? ""))' alone")
    }
    let tokens = training.reduce(0) { $0 + $1.tokens.count }
    if encoder.labels.count > 1000, encoder.labels.count * 2 > tokens {
      throw .unfit(
        file: path,
        reason: "expected tags, found \(encoder.labels.count) different ones of \(tokens) tokens")
    }
    let examples = training.map { encoder($0) }
    for (sentence, example) in zip(training, examples) {
      if let place = example.tags.firstIndex(where: { $0 < 0 }) {
        throw .unfit(
          file: path,
          reason:
            "line \(sentence.lines[place] + 1): expected a tag of the model, found '\(quotedName(example.names[place]))'"
        )
      }
    }
    batches = TagBatches(
      encoder: encoder, training: examples, validation: held.0.map { encoder($0) },
      test: held.1.map { encoder($0) }, count: settings.batch, replaced: settings.real(TagOptions.replaced),
      checksum: "sha256:" + digests.joined(separator: ","))
  }

  /// The sentences of a file that a model is scored on.
  init(_ settings: TrainingSettings, scoring file: CoNLLFile, _ encoder: TokenEncoder) {
    let examples = file.sentences.map { encoder($0) }
    remarks = [:]
    batches = TagBatches(
      encoder: encoder, training: [], validation: examples, test: examples, count: settings.batch,
      replaced: 0, checksum: nil)
  }
}
