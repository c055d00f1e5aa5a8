import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateTraining

/// The pairs of sentences of the task `translate` in their parts, with the symbols that are learned of the training part, or those of
/// a model.
struct TranslationParts {
  /// The symbols of the pairs that are trained on, which are not empty and not longer than the settings say.
  let training: TranslationBatch
  let validation: SentencePairs, test: SentencePairs
  let symbols: Preprocessing.Translation
  /// What there is to say of the parts.
  let remarks: [Split: String]

  /// The files that settings name, each a path or two.
  private static func files(_ settings: TrainingSettings, data: String?) -> [Split?: [String]] {
    func pair(_ source: TaskOption, _ target: TaskOption) -> [String]? {
      guard let source = settings.text(source), let target = settings.text(target) else { return nil }
      return [source, target]
    }
    var files: [Split?: [String]] = [:]
    files[nil] = data.map { [$0] } ?? pair(TranslateOptions.source, TranslateOptions.target)
    files[.validation] = pair(TranslateOptions.validSource, TranslateOptions.validTarget)
    files[.test] = pair(TranslateOptions.testSource, TranslateOptions.testTarget)
    return files
  }

  /// The first of the files to train on, and the digest of all of them. Throws `noFile` without any.
  static func reference(
    _ settings: TrainingSettings, data: String?
  ) throws(TaskDataError) -> (path: String, sha256: String) {
    let files = files(settings, data: data)
    guard let path = files[nil]?.first else {
      throw .noFile(
        task: TranslateTask.name,
        what: "two texts with --source FILE and --target FILE, or sentence pairs with a tab between,")
    }
    var digests: [String] = []
    for part in [nil, Split.validation, .test] {
      for file in files[part] ?? [] { digests.append(try SHA256.hex(ofTaskFile: file)) }
    }
    return (path, digests.count == 1 ? digests[0] : SHA256.hex(Array(digests.joined(separator: ",").utf8)))
  }

  private static func pairs(_ files: [String]) throws(TaskDataError) -> SentencePairs {
    files.count == 1 ? try SentencePairs(files[0]) : try SentencePairs(source: files[0], target: files[1])
  }

  /// Reads what `settings` name, or the pairs in the file `data`; a `model` that training goes on from brings its symbols. Throws
  /// what is wrong with a file.
  init(
    _ settings: TrainingSettings, data: String?, model: Preprocessing.Translation?
  ) throws(TaskDataError) {
    let files = Self.files(settings, data: data)
    guard let own = files[nil] else { throw .noFile(task: TranslateTask.name, what: "sentence pairs") }
    let pairs = try Self.pairs(own)
    var held: [Split: SentencePairs] = [:]
    for split in Split.allCases {
      guard let names = files[split] else { continue }
      held[split] = try Self.pairs(names)
      if held[split]?.count == 0 { throw .unfit(file: names[0], reason: "expected sentences, found none") }
    }
    let places = HeldOut(
      of: pairs.count,
      validation: held[.validation] == nil ? settings.whole(TranslateOptions.validPercent) : 0,
      test: held[.test] == nil ? settings.whole(TranslateOptions.testPercent) : 0, stream: "translate/split")
    if places.training.isEmpty || held[.validation] == nil && places.validation.isEmpty
      || held[.test] == nil && places.test.isEmpty
    {
      throw .unfit(
        file: own[0],
        reason:
          "expected 3 pairs of sentences or more, or files to validate and to test on, found \(pairs.count)")
    }
    let given = pairs.part(places.training)
    symbols = model ?? Self.symbols(of: given, settings)
    let (all, lengths) = (TranslationBatch(given, symbols), 1...symbols.length)
    let usable = all.places.filter {
      lengths.contains(all.source[$0].count) && lengths.contains(all.target[$0].count)
    }
    guard !usable.isEmpty else {
      throw .unfit(
        file: own[0],
        reason:
          "expected pairs of sentences of 1 to \(symbols.length) symbols, --most-symbols, found none among \(given.count)"
      )
    }
    training = all.part(usable)
    (validation, test) = (
      held[.validation] ?? pairs.part(places.validation), held[.test] ?? pairs.part(places.test)
    )
    var remarks: [Split: String] = [:]
    for split in Split.allCases where held[split] == nil {
      let name = split == .test ? TranslateOptions.testSource : TranslateOptions.validSource
      let count = split == .test ? test.count : validation.count
      remarks[split] = "\(count) of the pairs to train on, held out for want of --\(name.name)"
    }
    if usable.count < given.count {
      let left =
        "\(given.count - usable.count) of \(given.count) pairs are not trained on, as a side has no "
        + "symbols or more than \(symbols.length)"
      remarks[.validation] = remarks[.validation].map { $0 + "; " + left } ?? left
    }
    self.remarks = remarks
  }

  /// All pairs of a file, which a model is scored on.
  init(scoring file: String, _ symbols: Preprocessing.Translation) throws(TaskDataError) {
    let pairs = try SentencePairs(file)
    if pairs.count == 0 { throw .unfit(file: file, reason: "expected sentences, found none") }
    (training, validation, test) = (TranslationBatch(pairs.part([]), symbols), pairs, pairs)
    (self.symbols, remarks) = (symbols, [:])
  }

  /// The symbols of pairs.
  private static func symbols(
    of pairs: SentencePairs, _ settings: TrainingSettings
  ) -> Preprocessing.Translation {
    func vocabulary(_ sentences: [String]) -> TranslationVocabulary {
      TranslationVocabulary(
        learning: sentences,
        unit: settings.text(TranslateOptions.unit).flatMap(TextTokenizer.Unit.init) ?? .pieces,
        most: settings.whole(TranslateOptions.symbols),
        leastCount: settings.whole(TranslateOptions.leastCount),
        isLowercased: settings.text(TranslateOptions.lowercase) == "yes")
    }
    let length = settings.whole(TranslateOptions.length)
    guard settings.text(TranslateOptions.learned) == TranslateOptions.Learned.together.rawValue else {
      return .init(source: vocabulary(pairs.source), target: vocabulary(pairs.target), length: length)
    }
    let both = vocabulary(pairs.source + pairs.target)
    return .init(source: both, target: both, length: length)
  }
}
