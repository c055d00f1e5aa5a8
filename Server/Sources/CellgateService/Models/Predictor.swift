import Cellgate
import HTTPTypes

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What a request to predict has: rows, texts, sentences, arrays or files.
struct PredictionRequest: Sendable {
  var rows: [JSONTree]?
  var texts: [String]?
  var sentences: [[String]]?
  var files: [RequestFile]?
  /// By name, or one without.
  var inputs: [(name: String?, array: JSONTree)] = []
  var paths: (count: Int, seed: UInt64)?
  /// The most numbers or rows that may come out.
  var limit: Int
}

/// What a model finds, with the columns of `cellgate predict`, or as arrays.
enum PredictionResult: Sendable {
  case table(columns: [String], rows: [[JSONTree]])
  case arrays([(name: String, shape: [Int], numbers: [Float])])
}

/// Predicts with a model what `cellgate predict` does, of data that come as JSON. For one thread at a time.
final class Predictor {
  /// The language model that it is; nil of others.
  let language: LanguageModel?
  /// What it does.
  let kind: String
  /// What models that make vectors of texts do.
  static let encoderKind = "encoder"
  /// The columns that rows must have.
  let columns: [String]

  let model: Model
  private let form: Form
  private let captions: CaptionWriter?

  private enum Form {
    case rows(RowPredictor)
    case series(RowPredictor)
    case forecast(Forecaster)
    case tags(TokenTagger)
    case answers(QuestionAnswerer)
    case translations(Translator)
    case frames(FramePredictor)
    case folder(RowPredictor, FolderContent)
    case tunes(MusicPredictor)
    case transcripts(Transcriber)
    case vectors(SentenceEncoder)
    case arrays(ArrayPredictor)
  }

  init(_ model: Model, path: String, language: LanguageModel?) {
    (self.model, self.language) = (model, language)
    captions = try? CaptionWriter(model, file: path)
    let own = model.preprocessing
    if let rows = RowPredictor(model) {
      let source = own.rows ?? Preprocessing.RowSource()
      let task = own.labels == nil ? "regress" : source.hasLabelSets ? "multi-label" : "classify"
      kind = task
      if let content = FolderContent(source) {
        (form, columns) = (.folder(rows, content), [])
      } else if source.text == nil, source.features == nil {
        (form, columns) = (.series(rows), [])
      } else {
        columns = ([source.text, source.group, source.time] + (source.features ?? [])).compactMap { $0 }
        form = .rows(rows)
      }
    } else if let forecaster = Forecaster(model) {
      let own = forecaster.preprocessing.columns
      columns = own.time + (own.group.map { [$0] } ?? []) + own.targets + own.past + own.future + own.statics
      (kind, form) = ("forecast", .forecast(forecaster))
    } else if let tagger = TokenTagger(model) {
      (kind, form, columns) = ("tag", .tags(tagger), [])
    } else if let answerer = QuestionAnswerer(model) {
      (kind, form, columns) = ("answer", .answers(answerer), ["context", "question"])
    } else if let translator = Translator(model) {
      (kind, form, columns) = ("translate", .translations(translator), [])
    } else if let frames = FramePredictor(model) {
      (kind, form, columns) = ("frames", .frames(frames), [])
    } else if let music = MusicPredictor(model) {
      (kind, form, columns) = ("music", .tunes(music), [])
    } else if let transcriber = Transcriber(model) {
      (kind, form, columns) = ("transcribe", .transcripts(transcriber), [])
    } else if let encoder = SentenceEncoder(model) {
      (kind, form, columns) = (Self.encoderKind, .vectors(encoder), [])
    } else {
      kind = language != nil ? "language" : captions != nil ? "captions" : "arrays"
      (form, columns) = (.arrays(ArrayPredictor(model)), [])
    }
  }

  // MARK: Predictions

  /// The vector of each text by an encoder. Throws for another model.
  func vectors(of texts: [String]) throws(ServiceError) -> [[Float]] {
    guard case .vectors(let encoder) = form else {
      throw .bad("model: expected an encoder, found a model of \(kind)", "model", code: "unsupported_model")
    }
    let (numbers, size) = (encoder.vectors(texts).scalars, encoder.dimension)
    return texts.indices.map { Array(numbers[$0 * size..<($0 + 1) * size]) }
  }

  /// The predictions of a request. Throws ``ServiceError`` for data that don't fit the model.
  func predict(_ request: PredictionRequest) throws -> PredictionResult {
    if request.paths != nil {
      guard case .forecast = form else {
        throw ServiceError.bad("samples: expected a model of forecast, found one of \(kind)", "samples")
      }
    }
    switch form {
    case .rows(let predictor): return try rows(predictor, request)
    case .series(let predictor): return try series(predictor, request)
    case .forecast(let forecaster): return try forecast(forecaster, request)
    case .tags(let tagger): return try tags(tagger, request)
    case .answers(let answerer): return try answers(answerer, request)
    case .translations(let translator): return try translations(translator, request)
    case .frames(let predictor): return try frames(predictor, request)
    case .folder(let predictor, let content):
      return content == .clips && request.files == nil
        ? try series(predictor, request) : try folder(predictor, content, request)
    case .tunes(let predictor): return try tunes(predictor, request)
    case .transcripts(let transcriber): return try transcripts(transcriber, request)
    case .vectors(let encoder): return try vectors(encoder, request)
    case .arrays(let predictor): return try arrays(predictor, request)
    }
  }

  private func rows(_ predictor: RowPredictor, _ request: PredictionRequest) throws -> PredictionResult {
    var given = request.rows
    let text = model.preprocessing.rows?.text
    if given == nil, let texts = request.texts, let text {
      given = texts.map { .object([.init(text, .string($0))]) }
    }
    guard let given else {
      let texts = text == nil ? "" : " or texts"
      throw ServiceError.bad(
        "rows: expected rows\(texts) with \(columns.joined(separator: ", ")), found neither", "rows",
        code: "missing_parameter")
    }
    let wanted = columns + ["id"]
    return try withLines(given, columns: wanted, required: columns) { file in
      let found = try self.checked { try predictor.predictions(file) }
      return self.table(found, predictor)
    }
  }

  private func series(_ predictor: RowPredictor, _ request: PredictionRequest) throws -> PredictionResult {
    let array = try tensor(request, rank: 2...3)
    return try withFile("npy") { file in
      try ArrayFile.write([(name: "x", tensor: array)], to: file)
      let found = try self.checked { try predictor.predictions(file) }
      return self.table(found, predictor)
    }
  }

  /// Predictions as a table; `names` are those of the rows where they have others than in the file.
  func table(
    _ found: [RowPredictor.Prediction], _ predictor: RowPredictor, names: [String]? = nil
  ) -> PredictionResult {
    .table(
      columns: predictor.header(found),
      rows: found.enumerated().map { place, one in
        let fields = predictor.fields(one)
        return [
          .string(names?[place] ?? fields[0]), one.number != nil ? .number(fields[1]) : .string(fields[1]),
        ]
          + fields.dropFirst(2).map { .number($0) }
      })
  }

  private func forecast(_ forecaster: Forecaster, _ request: PredictionRequest) throws -> PredictionResult {
    guard let rows = request.rows else {
      throw ServiceError.bad(
        "rows: expected rows with \(columns.joined(separator: ", ")), found none", "rows",
        code: "missing_parameter")
    }
    let own = forecaster.preprocessing
    return try withLines(rows, columns: columns, required: []) { file in
      try self.checked {
        let table = try SeriesTable(file, columns: own.columns, step: own.step)
        var lines: [[String]] = []
        if let paths = request.paths {
          let expected = paths.count * own.horizon * table.series.count * own.columns.targets.count
          guard expected <= request.limit else {
            throw ServiceError.bad(
              "samples: expected at most \(request.limit) steps of all paths together, found \(expected)",
              "samples")
          }
          try forecaster.samples(table, count: paths.count, seed: paths.seed) { lines += $0.map(\.fields) }
          return .table(
            columns: Forecaster.Sample.header, rows: lines.map { Self.values($0, texts: [0, 1, 2]) })
        }
        lines = try forecaster.forecast(table).map(\.fields)
        return .table(columns: Forecaster.header, rows: lines.map { Self.values($0, texts: [0, 1, 2]) })
      }
    }
  }

  private func tags(_ tagger: TokenTagger, _ request: PredictionRequest) throws -> PredictionResult {
    let given =
      request.sentences
      ?? request.texts.map { texts in texts.map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
      }
    guard let given else {
      throw ServiceError.bad(
        "sentences: expected sentences as lists of tokens, or texts, found neither", "sentences",
        code: "missing_parameter")
    }
    var rows: [[JSONTree]] = []
    for (place, (tokens, tags)) in zip(given, tagger.tags(of: given)).enumerated() {
      for (token, tag) in zip(tokens, tags) {
        rows.append([.integer(place + 1), .string(token), .string(tag)])
      }
    }
    return .table(columns: ["sentence", "token", "tag"], rows: rows)
  }

  private func answers(_ answerer: QuestionAnswerer, _ request: PredictionRequest) throws -> PredictionResult
  {
    guard let rows = request.rows else {
      throw ServiceError.bad(
        "rows: expected rows with context and question, found none", "rows", code: "missing_parameter")
    }
    let questions = try rows.enumerated().map { place, row in
      let fields = try JSONFields(row, at: "rows[\(place)]")
      try fields.check(names: ["context", "question"])
      guard let context = try fields.texts("context") else { throw fields.missing("context") }
      return Question(context: context, question: try fields.requiredText("question"))
    }
    let found = answerer.answers(questions)
    return .table(
      columns: ["row", "question", "prediction", "probability", "sentences"],
      rows: zip(questions, found).enumerated().map { place, pair in
        [
          .string("\(place + 1)"), .string(pair.0.question), .string(pair.1.answer),
          .real(pair.1.probability),
          .string(pair.1.sentences.map { "\($0 + 1)" }.joined(separator: " ")),
        ]
      })
  }

  private func translations(
    _ translator: Translator, _ request: PredictionRequest
  ) throws -> PredictionResult {
    guard let texts = request.texts else {
      throw ServiceError.bad(
        "texts: expected sentences to translate, found none", "texts", code: "missing_parameter")
    }
    let found = translator.translations(of: texts, search: Translator.usualSearch) ?? []
    return .table(
      columns: ["row", "translation"],
      rows: found.enumerated().map { [.string("\($0 + 1)"), .string($1.first?.text ?? "")] })
  }

  private func frames(_ predictor: FramePredictor, _ request: PredictionRequest) throws -> PredictionResult {
    let array = try tensor(request, rank: 4...5)
    return try withFile("npy") { file in
      try ArrayFile.write([(name: "x", tensor: array)], to: file)
      let found = try self.checked { try predictor.frames(file).frames }
      return .arrays([(name: "output", shape: found.shape, numbers: found.scalars)])
    }
  }

  private func arrays(_ predictor: ArrayPredictor, _ request: PredictionRequest) throws -> PredictionResult {
    let inputs: [Tensor]
    if let texts = request.texts {
      guard let numbers = model.preprocessing.encode(texts) else {
        throw ServiceError.bad(
          "texts: expected inputs of the model's arrays, as it takes no texts; found texts", "texts")
      }
      inputs = [numbers]
    } else {
      let names = model.inputs.map(\.name)
      guard !request.inputs.isEmpty else {
        throw ServiceError.bad(
          "inputs: expected an array of each of \(names.joined(separator: ", ")), found none", "inputs",
          code: "missing_parameter")
      }
      inputs = try names.map { name in
        let own =
          request.inputs.first { $0.name == name }
          ?? (names.count == 1 && request.inputs.count == 1 ? request.inputs[0] : nil)
        guard let own else { throw ServiceError.expected("an array '\(name)'", found: "none", at: "inputs") }
        return try Self.tensor(own.array, own.name.map { "inputs.\($0)" } ?? "inputs")
      }
    }
    let outputs = try checked { try predictor.predict(inputs) }
    let numbers = outputs.reduce(0) { $0 + $1.count }
    guard numbers <= request.limit * 64 else {
      throw ServiceError.bad(
        "inputs: expected inputs of at most \(request.limit * 64) outputs, found \(numbers)", "inputs")
    }
    let names = outputs.count == 1 ? ["output"] : outputs.indices.map { "output_\($0 + 1)" }
    return .arrays(zip(names, outputs).map { (name: $0, shape: $1.shape, numbers: $1.scalars) })
  }

  // MARK: Captions

  /// A caption and its score.
  struct Caption: Sendable {
    let text: String
    let score: Double
  }

  /// The best captions of each picture, whose features come as arrays.
  func captions(
    of features: JSONTree, count: Int, beam: Int, mostWords: Int?
  ) throws -> [[Caption]] {
    guard let captions else {
      throw ServiceError.bad(
        "model: expected a model of captions, found one of \(kind)", "model", code: "unsupported_model")
    }
    let array = try Self.tensor(features, "features")
    let subject = captions.model.subjects[0].shape
    let (rank, width) = (subject.isSequence ? 3 : 2, subject.features[0])
    guard array.rank == rank, array.shape.last == width else {
      throw ServiceError.expected(
        subject.isSequence ? "[pictures, regions, \(width)]" : "[pictures, \(width)]",
        found: "\(array.shape)", at: "features")
    }
    return try withFile("npy") { file in
      try ArrayFile.write([(name: "x", tensor: array)], to: file)
      return try self.checked {
        let opened = try captions.features(file)
        var search = BeamSearch(width: beam, lengthPower: 1)
        search.count = count
        let found = try captions.captions(
          of: opened, rows: Array(0..<opened.count), search: search, mostWords: mostWords)
        return (found ?? []).map { $0.map { Caption(text: $0.text, score: $0.score) } }
      }
    }
  }

  // MARK: Data

  /// An array of nested lists of numbers, all of one shape.
  static func tensor(_ tree: JSONTree, _ name: String) throws(ServiceError) -> Tensor {
    var shape: [Int] = []
    var level = tree
    while let list = level.array {
      guard let first = list.first else { throw .expected("numbers", found: "an empty list", at: name) }
      shape.append(list.count)
      level = first
      guard shape.count <= 8 else { throw .expected("at most 8 dimensions", found: "more", at: name) }
    }
    guard !shape.isEmpty else { throw .expected("a list", found: JSONFields.kind(tree), at: name) }
    var numbers: [Float] = []
    try append(tree, shape[...], name, &numbers)
    return Tensor(numbers, shape: shape)
  }

  private static func append(
    _ tree: JSONTree, _ shape: ArraySlice<Int>, _ name: String, _ numbers: inout [Float]
  ) throws(ServiceError) {
    guard let list = tree.array else {
      throw .expected("a list of \(shape.first ?? 0)", found: JSONFields.kind(tree), at: name)
    }
    guard list.count == shape.first else {
      throw .expected("a list of \(shape.first ?? 0)", found: "one of \(list.count)", at: name)
    }
    if shape.count == 1 {
      numbers += try tree.floats(name)
      return
    }
    for (place, value) in list.enumerated() {
      try append(value, shape.dropFirst(), "\(name)[\(place)]", &numbers)
    }
  }

  func tensor(_ request: PredictionRequest, rank: ClosedRange<Int>) throws(ServiceError) -> Tensor {
    guard let input = request.inputs.first, request.inputs.count == 1 else {
      throw .bad("inputs: expected one array, found \(request.inputs.count)", "inputs")
    }
    let array = try Self.tensor(input.array, "inputs")
    guard rank.contains(array.rank) else {
      throw .expected(
        "an array of \(rank.lowerBound) or \(rank.upperBound) dimensions", found: "\(array.shape)",
        at: "inputs")
    }
    return array
  }

  private static func values(_ fields: [String], texts: Set<Int>) -> [JSONTree] {
    fields.enumerated().map { place, field in
      texts.contains(place)
        ? .string(field) : Double(field)?.isFinite == true ? .number(field) : .null
    }
  }

  /// Calls `body` with a file of rows as JSON Lines, which is removed then: every row has the wanted columns alone, null where it has none.
  private func withLines<Result>(
    _ rows: [JSONTree], columns: [String], required: [String], _ body: (String) throws -> Result
  ) throws -> Result {
    guard !rows.isEmpty else { throw ServiceError.expected("1 or more rows", found: "none", at: "rows") }
    var text = ""
    var used: Set<String> = []
    for (place, row) in rows.enumerated() {
      let name = "rows[\(place)]"
      let fields = try JSONFields(row, at: name)
      try fields.check(names: columns)
      for column in required where fields[column] == nil {
        throw ServiceError.expected("a value of '\(column)'", found: "none", at: name)
      }
      for member in row.object ?? [] {
        switch member.value {
        case .array, .object:
          throw ServiceError.expected(
            "a number or a text", found: JSONFields.kind(member.value), at: "\(name).\(member.key)")
        case .null: break
        case .number(let number) where member.value.number == nil:
          throw ServiceError.expected(
            "a finite number", found: String(number.prefix(40)), at: "\(name).\(member.key)")
        default: used.insert(member.key)
        }
      }
    }
    let kept = columns.filter { used.contains($0) }
    for row in rows {
      text += JSONTree.object(kept.map { .init($0, row[$0] ?? .null) }).text + "\n"
    }
    return try withFile("jsonl") { file in
      do throws(FileError) { try AtomicFile.write(Data(text.utf8), to: file) } catch {
        throw ServiceError(.insufficientStorage, "the service can't write a file that it needs")
      }
      return try body(file)
    }
  }

  /// Calls `body` with the path of a file that nobody else has, and removes it then.
  private func withFile<Result>(_ ending: String, _ body: (String) throws -> Result) throws -> Result {
    try withFolder { try body("\($0)/request.\(ending)") }
  }

  /// Calls `body` with the path of a folder that nobody else has, and removes it then with all that is in it.
  func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "cellgate-server-\(UUID().uuidString)"
    ).path
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    } catch {
      throw ServiceError(.insufficientStorage, "the service can't write a file that it needs")
    }
    defer { try? FileManager.default.removeItem(atPath: folder) }
    do { return try body(folder) } catch let error as ServiceError {
      throw error
    } catch let error
      as ArrayFileError
    {
      throw ServiceError(.insufficientStorage, Self.message(error, folder))
    } catch {
      throw ServiceError.bad(Self.message(error, folder), code: "invalid_data")
    }
  }

  /// What is wrong with data, without the name of the file that they were in.
  private static func message(_ error: any Error, _ folder: String) -> String {
    var text = "\(error)"
    for ending in ["jsonl", "npy"] {
      text = text.replacing("\(folder)/request.\(ending): ", with: "")
      text = text.replacing("\(folder)/request.\(ending)", with: "data")
    }
    return RequestFile.places(in: text, folder)
  }

  /// The result of a body whose errors are those of data.
  private func checked<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as ModelDataError {
      throw ServiceError.bad("\(error)", "inputs", code: "invalid_data")
    }
  }
}
