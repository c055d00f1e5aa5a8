import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateTensor
import CellgateTraining

/// The rows of a user's own files in their parts, and what is learned of the training part alone.
struct SequenceParts {
  let encoder: SequenceEncoder
  let training, validation, test: [SequenceRows.Row]
  /// That of all files.
  let checksum: String?
  /// What whoever reads the scores must know of the parts; nil for nothing.
  let remark: String?
  /// F; nil of texts.
  let width: Int?
  /// What the words' vectors start from; nil for chance.
  let vectors: WordVectors?

  /// Reads what `settings` name, beginning with the file at `path`; a `model` that training goes on from brings its encoder.
  /// Throws what is wrong with a file.
  init(
    _ settings: TrainingSettings, _ path: String, _ labels: SequenceRows.Label, model: SequenceEncoder?
  ) throws(TaskDataError) {
    var source = Preprocessing.RowSource()
    source.text = settings.text(ClassifyOptions.text)
    source.features = settings.list(ClassifyOptions.features)?.compactMap(\.text)
    source.group = settings.text(ClassifyOptions.group)
    source.time = settings.text(ClassifyOptions.time)
    source.gaps = settings.text(ClassifyOptions.gaps) == "yes" ? true : nil
    let names = ClassifyOptions.labelNames(settings)
    source.label = names.count == 1 ? names[0] : nil
    if labels == .sets {
      source.labels = names.count > 1 ? names : nil
      source.labelSeparator = settings.text(ClassifyOptions.labelSeparator)
    }
    if let model, model.kind != labels {
      throw .unfit(file: path, reason: "expected labels as those of the model of --from, found others")
    }
    let data = try SequenceRows(
      path, source: source, labels: labels,
      split: .init(
        part: settings.text(ClassifyOptions.split), group: settings.text(ClassifyOptions.splitGroup),
        time: settings.text(ClassifyOptions.splitTime)),
      audio: settings.text(ClassifyOptions.audio).flatMap(AudioFeatures.Kind.init))
    if settings.text(ClassifyOptions.audio) != nil, data.source.audio == nil {
      throw .unfit(
        file: path, reason: "--audio: expected a folder of WAV files for each class, found other data")
    }
    var files = [settings.data?.sha256 ?? ""]
    func other(_ option: TaskOption) throws(TaskDataError) -> [SequenceRows.Row]? {
      guard let file = settings.text(option) else { return nil }
      files.append(try Self.digest(file))
      let rows = try SequenceRows(file, source: data.source, labels: labels).rows
      try Self.check(data, rows, of: file)
      return rows
    }
    let (validation, test) = (try other(ClassifyOptions.validation), try other(ClassifyOptions.test))
    let parts = try Self.parts(data, validation, test, settings)
    try Self.check(parts.training, labels, of: data)
    if parts.test.isEmpty || parts.validation.isEmpty && validation != nil {
      throw .unfit(
        file: path,
        reason: "expected rows enough for validation and test, 3 of a class, found \(data.rows.count) in all")
    }
    let words = try Self.words(settings)
    vectors = try Self.vectors(parts.training, words, settings)
    for file in [settings.text(ClassifyOptions.vocabulary), settings.text(ClassifyOptions.vectors)] {
      if let file { files.append(try Self.digest(file)) }
    }
    encoder =
      model
      ?? SequenceEncoder(
        fitting: parts.training, of: data, labels, settings, vocabulary: words, vectors: vectors)
    (training, self.test) = (parts.training, parts.test)
    // Of a few series each one counts: the training part stands in for the rows that would be held out.
    self.validation = parts.validation.isEmpty ? parts.training : parts.validation
    remark =
      parts.validation.isEmpty
      ? "no rows are held out for validation: its values are those of the \(parts.training.count) training rows"
      : nil
    width = data.width
    checksum = "sha256:" + files.joined(separator: ",")
  }

  /// All rows of another file, to score a model on.
  init(scoring file: String, _ encoder: SequenceEncoder, _ labels: SequenceRows.Label) throws(TaskDataError) {
    guard let source = encoder.preprocessing.rows else {
      fail("SequenceParts: expected the encoder of a model of rows, found another")
    }
    let data = try SequenceRows(file, source: source, labels: labels)
    (self.encoder, training, validation, test) = (encoder, [], data.rows, data.rows)
    (checksum, remark, width, vectors) = (nil, nil, data.width, nil)
  }

  /// The examples in batches; throws a class of the training part that the model doesn't have.
  func batches(_ settings: TrainingSettings, file: String) throws(TaskDataError) -> ExampleBatches {
    let examples = training.map { encoder($0) }
    for (row, example) in zip(training, examples) {
      guard let name = encoder.unknownLabel(of: row, example) else { continue }
      throw .unfit(
        file: file, reason: "line \(row.line): expected a class of the model, found '\(quotedName(name))'")
    }
    return ExampleBatches(
      encoder: encoder, training: examples, validation: validation.map { encoder($0) },
      test: test.map { encoder($0) }, count: settings.batch,
      noise: encoder.noise(settings.real(ClassifyOptions.noise)),
      checksum: checksum)
  }

  /// The SHA-256 digest of a file, or of all files of a folder.
  static func digest(_ path: String) throws(TaskDataError) -> String {
    if FolderRows.isOne(path) { return try FolderRows(path).digest() }
    return try SHA256.hex(ofTaskFile: path)
  }

  // MARK: Words that are given

  private static let mostWords = 1_000_000

  /// The words of `--vocabulary`; nil without it.
  private static func words(_ settings: TrainingSettings) throws(TaskDataError) -> [String]? {
    guard let file = settings.text(ClassifyOptions.vocabulary) else { return nil }
    let words = try TextLines.read(file).map(\.trimmed).filter { !$0.isEmpty }
    guard (1...mostWords).contains(words.count) else {
      throw .unfit(
        file: file, reason: "expected a word a line, 1 to \(mostWords) of them, found \(words.count)")
    }
    var known: Set<String> = []
    if let word = words.first(where: { !known.insert($0).inserted }) {
      throw .unfit(file: file, reason: "expected different words, found '\(quotedName(word))' twice")
    }
    return words
  }

  /// The vectors of `--vectors` that the training part, or the `words` that are given, ask for; nil without it.
  private static func vectors(
    _ training: [SequenceRows.Row], _ words: [String]?, _ settings: TrainingSettings
  ) throws(TaskDataError) -> WordVectors? {
    guard let file = settings.text(ClassifyOptions.vectors) else { return nil }
    let keepsCase = settings.text(ClassifyOptions.lowercase) == "no"
    var asked = Set(words ?? [])
    if words == nil {
      for row in training { asked.formUnion(TextUnit.words.tokens(of: row.text ?? "", keepsCase: keepsCase)) }
    }
    return try WordVectors(
      contentsOf: file, words: asked, size: settings.whole(ClassifyOptions.embedding))
  }

  // MARK: Parts

  private typealias Parts = (
    training: [SequenceRows.Row], validation: [SequenceRows.Row], test: [SequenceRows.Row]
  )

  /// Fewer series than these are all learned from.
  private static let fewSeries = 400
  /// The share that is held out for validation, in percent.
  private static let validPercent = 15

  private static func parts(
    _ data: SequenceRows, _ validation: [SequenceRows.Row]?, _ test: [SequenceRows.Row]?,
    _ settings: TrainingSettings
  ) throws(TaskDataError) -> Parts {
    var rows = data.rows
    var named: [String: [SequenceRows.Row]] = [:]
    if let column = settings.text(ClassifyOptions.split) {
      for row in rows {
        guard let part = row.part.flatMap({ partNames[$0.lowercased()] }) else {
          throw .unfit(
            file: data.file,
            reason:
              "line \(row.line), column '\(quotedName(column))': expected train, valid or test, found '\(quotedName(row.part ?? ""))'"
          )
        }
        named[part, default: []].append(row)
      }
      rows = named["train"] ?? []
    }
    let (validation, test) = (validation ?? named["valid"], test ?? named["test"])
    let tested = test == nil ? settings.whole(ClassifyOptions.testPercent) : 0
    let learned = rows.count * (100 - tested) / 100
    let held =
      validation == nil
      ? settings.optionalWhole(ClassifyOptions.validPercent)
        ?? (data.width != nil && learned < fewSeries ? 0 : validPercent) : 0
    let parts = PartChoice(validation: held, test: tested).parts(of: rows)
    return (parts.training, validation ?? parts.validation, test ?? parts.test)
  }

  /// What a column of parts may say.
  private static let partNames = [
    "train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid",
    "dev": "valid", "test": "test",
  ]

  // MARK: Checks

  /// Throws for labels from which nothing is learned.
  private static func check(
    _ training: [SequenceRows.Row], _ labels: SequenceRows.Label, of data: SequenceRows
  ) throws(TaskDataError) {
    let names =
      data.source.label ?? data.source.labels?.joined(separator: ",")
      ?? (labels == .numbers ? "number" : "class")
    let column = "column '\(quotedName(names))'"
    let found = Set(training.compactMap(\.label))
    if training.isEmpty { throw .unfit(file: data.file, reason: "expected rows for training, found none") }
    if labels == .sets {
      try checkSets(training, column, of: data)
      return
    }
    guard labels == .classes else {
      if Set(training.compactMap(\.target)).count < 2 {
        throw .unfit(
          file: data.file,
          reason: "\(column): expected different numbers, found \(quotedName(found.first ?? "")) alone")
      }
      return
    }
    if found.count < 2 {
      throw .unfit(
        file: data.file,
        reason: "\(column): expected two classes or more, found '\(quotedName(found.first ?? ""))' alone")
    }
    if found.count > 20, found.count * 2 > training.count {
      throw .unfit(
        file: data.file,
        reason:
          "\(column): expected classes, found \(found.count) different values in \(training.count) rows; "
          + "numbers that are to be found need --regress")
    }
  }

  /// Throws for sets of labels from which nothing is learned.
  private static func checkSets(
    _ training: [SequenceRows.Row], _ column: String, of data: SequenceRows
  ) throws(TaskDataError) {
    let sets = Set(training.map { Set($0.labels) })
    if sets.count < 2 {
      let all = (sets.first ?? []).sorted().joined(separator: ", ")
      throw .unfit(
        file: data.file,
        reason: "\(column): expected rows with different labels, found "
          + (all.isEmpty ? "none in any row" : "'\(quotedName(all))' in every row"))
    }
    let found = Set(sets.joined())
    if data.source.labels == nil, found.count > 20, found.count * 2 > training.count {
      throw .unfit(
        file: data.file,
        reason:
          "\(column): expected labels, found \(found.count) different ones in \(training.count) rows; "
          + "--label-separator names what stands between them, if not '\(data.source.labelSeparator ?? "")'")
    }
  }

  /// Throws for a group that two files have with the same steps.
  private static func check(
    _ data: SequenceRows, _ others: [SequenceRows.Row], of file: String
  ) throws(TaskDataError) {
    guard data.source.group != nil else { return }
    let known = [String: SequenceRows.Row](data.rows.map { ($0.id, $0) }) { first, _ in first }
    for row in others {
      guard let other = known[row.id], other.numbers == row.numbers, !row.numbers.isEmpty else { continue }
      throw .unfit(
        file: file,
        reason:
          "line \(row.line): expected sequences of one part alone, found '\(quotedName(row.id))' of line \(other.line) of \(data.file) again"
      )
    }
  }
}
