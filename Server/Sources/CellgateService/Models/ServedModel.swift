import Cellgate
import HTTPTypes

/// A model that is served: loaded once, so that a file that is replaced meanwhile changes nothing.
public struct ServedModel: Sendable {
  /// What requests call it.
  public let id: String
  /// What it does: "language", "captions", "classify" and so on.
  public let kind: String
  /// When it was loaded, in seconds since 1970.
  let created: Int
  /// What the model's page says: layers, parameters, inputs, outputs.
  let details: JSONTree
  /// Writes text and reads it; nil of models of other data.
  let generator: TextGenerator?
  /// The model a step at a time; nil of one that needs whole sequences.
  let engine: StepEngine?
  /// Why it can't be stepped; nil where it can.
  let stepProblem: String?
  /// Of each layer of cells what its gates do at a step; nil where it can't be seen.
  let gates: GateReader?
  /// What numbers of a step are brought to, and what outputs were brought to; nil for as they are.
  let inputScaler: Scaler?, targetScaler: Scaler?
  /// Predicts whole sequences.
  let worker: ModelWorker

  /// Loads the model in a file or a run's folder. Throws `model`.
  public init(
    id: String, path: String, settings: ServiceSettings, metrics: ServiceMetrics = ServiceMetrics(),
    now: Int, trustingWeights: Bool = false
  ) throws(ServiceSetupError) {
    let model: Model
    do throws(RunError) { model = try Model.load(path, trustingWeights: trustingWeights) } catch {
      throw .model("\(error)")
    }
    self.id = id
    created = now
    let language = try? LanguageModel.of(model, file: path)
    generator = language.map { TextGenerator(model: $0.model, tokenizer: $0.tokenizer) }
    let stream: ModelStream?
    if let generator {
      (stream, stepProblem) = (generator.stream, nil)
    } else {
      do throws(StreamError) { (stream, stepProblem) = (try model.stream(), nil) } catch {
        (stream, stepProblem) = (nil, "\(error)")
      }
    }
    engine = stream.map { stream in
      StepEngine(stream, settings: settings) { rows in metrics.stepped(id, rows: rows) }
    }
    gates = stream == nil ? nil : GateReader(model)
    (inputScaler, targetScaler) = (model.preprocessing.inputScaler, model.preprocessing.targetScaler)
    let predictor = Predictor(model, path: path, language: language?.model)
    kind = predictor.kind
    let summary = model.summary
    var members: [JSONTree.Member] = [
      .init("kind", .string(kind)), .init("parameters", .integer(summary.parameters)),
      .init(
        "inputs",
        .array(
          summary.inputs.map {
            ["name": .string($0.name), "shape": .string($0.shape.description)]
          })),
      .init("outputs", .array(model.outputShapes.map { .string($0.description) })),
      .init(
        "layers",
        .array(
          summary.rows.map {
            ["name": .string($0.name), "kind": .string($0.kind), "parameters": .integer($0.parameters)]
          })),
      .init("streams", .bool(stream != nil)), .init("gates", .bool(gates != nil)),
    ]
    if let tokenizer = generator?.tokenizer {
      members.append(.init("tokens", .string(tokenizer.unit.rawValue)))
      members.append(.init("vocabulary", .integer(tokenizer.count)))
    }
    if let cell = model.metadata["cell"] { members.append(.init("cell", .string(cell))) }
    if let labels = model.preprocessing.labels {
      members.append(.init("labels", .array(labels.map { .string($0) })))
    }
    if !predictor.columns.isEmpty {
      members.append(.init("columns", .array(predictor.columns.map { .string($0) })))
    }
    details = .object(members)
    worker = ModelWorker(predictor, settings: settings)
  }

  /// The model in OpenAI's shape, with what Cellgate knows besides.
  var tree: JSONTree {
    .object(
      [
        .init("id", .string(id)), .init("object", "model"), .init("created", .integer(created)),
        .init("owned_by", "cellgate"),
      ] + (details.object ?? []))
  }

  /// Whether it makes vectors of texts.
  var isEncoder: Bool { kind == Predictor.encoderKind }

  /// The engine; throws for a model that takes no steps.
  func requiredEngine() throws(ServiceError) -> StepEngine {
    guard let engine else {
      throw .bad(
        "model: expected a model that takes a step at a time, found '\(id)': \(stepProblem ?? "")", "model",
        code: "unsupported_model")
    }
    return engine
  }

  /// The generator; throws for a model that writes no text.
  func requiredGenerator() throws(ServiceError) -> TextGenerator {
    guard let generator else {
      throw .bad(
        "model: expected a language model, found '\(id)', a model of \(kind)", "model",
        code: "unsupported_model")
    }
    return generator
  }
}

/// The models of a service by their names.
public struct ModelList: Sendable {
  /// In the order in which they were given.
  public let models: [ServedModel]

  /// Models of different names, or none, where other endpoints are served; throws `model` for a name that comes twice.
  public init(_ models: [ServedModel]) throws(ServiceSetupError) {
    var names: Set<String> = []
    for model in models where !names.insert(model.id).inserted {
      throw .model("expected models of different names, found '\(model.id)' twice: write NAME=\(model.id)")
    }
    self.models = models
  }

  /// A model by name; the only one where no name is given. Throws 404.
  func model(_ name: String?) throws(ServiceError) -> ServedModel {
    if models.isEmpty {
      throw ServiceError(
        .notFound, "the service has no model", parameter: "model", code: "model_not_found")
    }
    guard let name else {
      if models.count == 1 { return models[0] }
      throw .bad(
        "model: expected one of \(models.map(\.id).joined(separator: ", ")), found none", "model",
        code: "missing_parameter")
    }
    guard let model = models.first(where: { $0.id == name }) else {
      throw ServiceError(
        .notFound,
        "model: expected one of \(models.map(\.id).joined(separator: ", ")), found '\(name.prefix(80))'",
        parameter: "model", code: "model_not_found")
    }
    return model
  }

  /// What a request's model is: one of those that do what is asked, where there are any; and whether it must say one.
  func schema(where isFit: (ServedModel) -> Bool = { _ in true }) -> JSONTree {
    if models.isEmpty { return JSONSchema.text }
    let fit = models.filter(isFit)
    return JSONSchema.one(of: (fit.isEmpty ? models : fit).map(\.id))
  }
  var required: [String] { models.count > 1 ? ["model"] : [] }

  /// The name of a path: that of the file without its ending, or of the folder.
  public static func name(of path: String) -> String {
    var name = path.split(separator: "/").last.map(String.init) ?? path
    if name.hasSuffix(".safetensors") { name.removeLast(".safetensors".count) }
    return name
  }
}
