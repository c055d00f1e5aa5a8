import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor

extension Model {
  /// What is done with data before they go into the model, and with what comes out; part of its file.
  public var preprocessing: Preprocessing {
    // What a file has was read when it was loaded, and what is set can be read.
    get { (try? Preprocessing(metadata: metadata)) ?? Preprocessing() }
    set { metadata[Preprocessing.key] = newValue.text }
  }

  /// Writes the model as one safetensors file: parameters and buffers, and in the metadata the description, what `metadata`
  /// has, and a checksum. The file is replaced whole or not at all. The model must be built. Throws `file`.
  public func save(_ path: String) throws(RunError) {
    do throws(FileError) { try writer(ofBytes: false).write(to: path) } catch { throw .file(error) }
  }

  /// Writes the model as ``computing(in:)`` gives it with ``Precision/int8``, about a quarter as large: each matrix `name` as signed
  /// bytes, I8 `[rows, columns]`, with the scale of each row, F32 `[rows]`, as `name.int8_scale`. What is no matrix is F32. The file
  /// loads as a model that computes in int8, with the same numbers. Throws `badModel` where the layers don't support that, and
  /// `file`.
  public func saveInBytes(_ path: String) throws(RunError) {
    let model: Model
    do throws(LayerError) { model = try computing(in: .int8) } catch {
      throw .badModel(file: path, reason: error.description)
    }
    do throws(FileError) { try model.writer(ofBytes: true).write(to: path) } catch { throw .file(error) }
  }

  /// What `save` writes, or `saveInBytes`.
  func writer(ofBytes: Bool) -> Safetensors.Writer {
    var metadata = metadata
    metadata["format"] = ModelFile.format
    metadata["format_version"] = "\(ofBytes ? ModelFile.versionOfBytes : ModelFile.version)"
    metadata[ModelFile.descriptionKey] = description.encoded()
    var writer = Safetensors.Writer(metadata: metadata, checksum: true)
    for entry in state.entries {
      if ofBytes, let matrix = ByteMatrix(entry.tensor) {
        writer.add(
          entry.name, dtype: .i8, shape: entry.tensor.shape, bytes: matrix.bytes.map(UInt8.init(bitPattern:)))
        writer.add(entry.name + ModelFile.scaleSuffix, shape: [matrix.rows], floats: matrix.scales)
        continue
      }
      writer.add(entry.name, shape: entry.tensor.shape, floats: entry.tensor.scalars)
    }
    return writer
  }

  /// The model in a file, or the best model of the run in a folder: no task, no registry and no other file is needed.
  ///
  /// `layers` are kinds of the user's own. A file without the checksum of its bytes is refused unless its weights are
  /// trusted. Throws `unverifiedModel`, `tensors`, `notFinite`, `badState` or `badModel`.
  public static func load(
    _ path: String, layers: [any Layer.Type] = [], trustingWeights: Bool = false
  ) throws(RunError) -> Model {
    let file = try ModelFile.open(ModelFile.path(path), trustingWeights: trustingWeights)
    let description = try file.modelDescription(layers: layers)
    // Before memory is taken that the file has not.
    try file.check(
      holds: try file.checked { () throws(LayerError) in try Model.parameterShapes(description) })
    let model = try file.checked { () throws(LayerError) in
      try Initializer.withoutDrawing { () throws(LayerError) in try Model(description) }
    }
    var state = StateDictionary()
    for entry in model.state.entries {
      state[entry.name] = try file.tensor(entry.name, shape: entry.tensor.shape)
    }
    do throws(StateError) { try model.load(state) } catch {
      throw .badModel(file: file.path, reason: error.description)
    }
    model.metadata = file.metadata.filter { !ModelFile.ownKeys.contains($0.key) }
    do throws(PreprocessingError) { _ = try Preprocessing(metadata: model.metadata) } catch {
      throw .badModel(file: file.path, reason: error.description)
    }
    return model
  }
}

extension ModelFile {
  static let descriptionKey = "description"
  /// What the file's format needs and no model carries on.
  static let ownKeys: Set<String> = [descriptionKey, "format", "format_version", "checksum"]

  /// The model's file of a path that may be a run's folder.
  package static func path(_ path: String) -> String {
    Paths.isFolder(path) ? RunDirectory.modelFile(path) : path
  }
}

extension CheckpointReader {
  /// The result of `body`, whose error names this file.
  func checked<Result>(_ body: () throws(LayerError) -> Result) throws(RunError) -> Result {
    do throws(LayerError) { return try body() } catch {
      throw .badModel(file: path, reason: error.description)
    }
  }

  /// What the model in the file is. Files of versions 1 and 2 are those of runs and have settings instead: recurrent layers
  /// and a head, after an embedding where there is one.
  func modelDescription(layers: [any Layer.Type] = []) throws(RunError) -> ModelDescription {
    if let text = metadata[ModelFile.descriptionKey] {
      return try checked { () throws(LayerError) in try ModelDescription(decoding: text, layers: layers) }
    }
    guard let settings = try RunIdentity.settings(in: metadata, file: path) else {
      throw .badState(file: path, name: "description", expected: "a model's description", found: "nothing")
    }
    guard let cell = settings.definition() else {
      throw .badModel(
        file: path, reason: settings.cellProblem(among: Cell.all)?.description ?? "cell: expected a known one"
      )
    }
    if let problem = settings.modelProblem(cell) { throw .badModel(file: path, reason: problem) }
    let (head, input) = (try shape("head.weight"), try shape("recurrent.weight_ih_l0"))
    let table = shapes["embedding.weight"] != nil ? try shape("embedding.weight") : nil
    return ModelDescription(
      settings: settings, cell: cell, inputSize: input[1], outputSize: head[0], symbols: table?[0],
      readsEveryStep: table != nil || settings.task == "copying")
  }

  private func shape(_ name: String) throws(RunError) -> [Int] {
    guard let shape = shapes[name], shape.count == 2 else {
      throw .badState(
        file: path, name: name, expected: "a matrix", found: shapes[name].map { "\($0)" } ?? "nothing")
    }
    return shape
  }
}

extension ModelDescription {
  /// The model of a run with these settings: an embedding of V `symbols` if there are any, recurrent layers for `inputSize`
  /// I numbers a step, and a head of `outputSize` outputs on the last state or on every step, whose weights may be those of the
  /// embedding. A Transformer is causal for updates of `length` steps, where that is given.
  package init(
    settings: TrainingSettings, cell: Cell, inputSize: Int, outputSize: Int, symbols: Int? = nil,
    tiesWeights: Bool = false, causal length: Int? = nil, readsEveryStep: Bool
  ) {
    let body = settings.body(cell, causal: length, returnSequences: readsEveryStep)
    var layers = [body.description]
    if let share = settings.inputDropout, share > 0 {
      layers.insert(
        LayerDescription(Dropout(probability: share, name: "input"), name: "input_dropout"), at: 0)
    }
    if settings.headDropout > 0 {
      layers.append(
        LayerDescription(Dropout(probability: settings.headDropout, name: "head"), name: "dropout"))
    }
    layers.append(
      tiesWeights
        ? LayerDescription(TiedDense(outputSize, to: "embedding"), name: "head")
        : LayerDescription(Dense(outputSize), name: "head"))
    if let symbols {
      let embedding = Embedding(symbols, inputSize, dropout: settings.embeddingDropout)
      layers.insert(LayerDescription(embedding, name: "embedding"), at: 0)
    }
    self.init(
      chain: layers,
      input: Input(symbols == nil ? "x" : "symbols", symbols == nil ? .sequence(inputSize) : .sequence()))
  }
}
