import CellgateBasics
import CellgateCells
import CellgateNN
import CellgateTensor

/// Everything that a training run depends on besides the data: what is needed to make it again.
///
/// It is a run's `config.json`, with keys in snake case. Where the data lie and how many threads compute is no
/// part of it, as neither changes a result; but a file of the user's own is, by its path and checksum.
public struct TrainingSettings: Codable, Equatable, Sendable {
  /// The version of this layout, written to files.
  public static let currentFormatVersion = 1

  /// The most updates of a run.
  public static let mostSteps = 1 << 40

  /// The layout that these settings were written in.
  public var formatVersion = Self.currentFormatVersion
  /// The task's name.
  public var task: String
  /// The values of the task's own options, such as `length`.
  public var taskOptions: [String: OptionValue]
  /// The user's own file that is learned from; nil for tasks of other data.
  public var data: DataReference?
  /// The cell's name.
  public var cell: String
  /// The cell as text, where it is none that the program knows by its name, such as that of a file; nil where it is.
  public var cellText: String?
  /// Hidden units of each layer and direction, H.
  public var hidden: Int
  /// Layers, L.
  public var layers = 1
  /// Whether each layer runs in both directions.
  public var bidirectional = false
  /// The share of each layer's outputs, in [0, 1), that is dropped while training, before the next layer or the head
  /// reads them.
  public var dropout: Float = 0
  /// As `dropout`, of what the head reads alone; nil for the same share.
  public var outputDropout: Float?
  /// The share of the numbers that the first layer reads, of inputs or of symbols' embeddings, that is dropped while training,
  /// each number by itself and anew at each step (Zaremba et al. 2014, https://arxiv.org/abs/1409.2329); nil for none, but in
  /// tasks that say otherwise.
  public var inputDropout: Float?
  /// The share of the symbols whose embeddings are dropped in an update, wherever they occur (Merity et al. 2017,
  /// https://arxiv.org/abs/1708.02182); nil for none.
  public var embeddingDropout: Float?
  /// The share of each layer's last output that is dropped where matrices read it, the same at each step (Gal and
  /// Ghahramani 2016, https://arxiv.org/abs/1512.05287); nil for none.
  public var recurrentDropout: Float?
  /// How likely a unit of each state keeps its last value (Krueger et al. 2017, https://arxiv.org/abs/1606.01305); nil
  /// for never.
  public var zoneout: Zoneout?
  /// The share of the recurrent matrices' weights that is dropped in an update (Merity et al. 2017); nil for none.
  public var weightDrop: Float?
  /// Which mean of the weights is evaluated and kept; nil for the weights of the last update.
  public var averageWeights: WeightAveraging?
  /// What the factors of the layers' matrix products are rounded to.
  public var precision = Precision.float32
  /// What the parameters start from besides the next two settings; nil for what the cells say.
  public var initialization: Recurrent.Initialization?
  /// T of chrono initialisation (Tallec & Ollivier 2018, https://arxiv.org/abs/1804.11188); nil for the biases of
  /// `initialization`.
  public var chronoSteps: Int?
  /// The bias of the gates that keep the state; nil for that of `initialization`.
  public var forgetBias: Float?
  /// The model that the parameters start from instead; nil for none.
  public var from: ModelSource?
  /// What is not trained: names of layers, "embedding", or of parameters; nil for nothing.
  public var freeze: [String]?
  /// Gradient checkpointing: steps of a sequence between the states that are kept for the backward pass, which
  /// computes the rest again; nil keeps all. Changes time and memory, and no result.
  public var recomputeEvery: Int?
  /// Sequences in a batch, B.
  public var batch: Int
  /// Parts of each batch that are computed one after another, or by several processes, and whose gradients are summed: less memory. Noise
  /// and rounding differ from those of a whole batch; what normalises over a batch does over each part. Nil for whole batches.
  public var microBatches: Int?
  /// Updates to make; nil when `epochs` is given.
  public var steps: Int?
  /// Passes through the training data; nil when `steps` is given.
  public var epochs: Int?
  /// The optimiser's name.
  public var optimizer = "adam"
  /// The optimiser's settings.
  public var optimizerSettings = OptimizerSettings(learningRate: 0.001)
  /// How the learning rate changes.
  public var schedule = ScheduleSettings()
  /// The largest norm of all gradients together; nil for no limit.
  public var clipNorm: Double?
  /// The largest magnitude of each gradient, applied before `clipNorm`; nil for no limit.
  public var clipValue: Float?
  /// What all random numbers depend on.
  public var seed: UInt64 = 1
  /// Updates between two evaluations on the validation data; nil for once an epoch, and every 100 updates
  /// where there are no epochs.
  public var evaluationInterval: Int?
  /// Evaluations without improvement after which training ends early; nil for never.
  public var patience: Int?
  /// Whether training ends at the first evaluation that solves the task; nil is no.
  public var stopWhenSolved: Bool?

  /// Settings with Adam at 1e-3 and no clipping.
  public init(
    task: String = "", taskOptions: [String: OptionValue] = [:], cell: String = "lstm", hidden: Int,
    batch: Int,
    steps: Int? = nil, epochs: Int? = nil
  ) {
    self.task = task
    self.taskOptions = taskOptions
    self.cell = cell
    self.hidden = hidden
    self.batch = batch
    self.steps = steps
    self.epochs = epochs
  }

  /// The options of a recurrent layer, or several, of `cell`.
  package func recurrentOptions(_ cell: Cell) -> RecurrentOptions {
    var options = RecurrentOptions(cell: cell, units: hidden)
    options.layers = layers
    options.isBidirectional = bidirectional
    options.dropout = dropout
    options.recurrentDropout = recurrentDropout ?? 0
    options.zoneout = zoneout
    options.weightDrop = weightDrop
    options.precision = precision
    options.recomputeEvery = recomputeEvery
    options.noise = "recurrent"
    return options
  }

  /// The share that is dropped of what the head reads.
  package var headDropout: Float { outputDropout ?? dropout }

  /// How the parameters start: `initialization` with `chronoSteps` and `forgetBias`.
  public var start: Recurrent.Initialization {
    var start = initialization ?? .cellgate
    if let chronoSteps { start.chronoSteps = chronoSteps }
    if let forgetBias { start.forgetBias = forgetBias }
    return start
  }

  /// Makes the parameters start as `start` says.
  public mutating func start(from start: Recurrent.Initialization) {
    chronoSteps = start.chronoSteps
    forgetBias = start.forgetBias
    var rest = start
    (rest.chronoSteps, rest.forgetBias) = (nil, nil)
    initialization = rest == .cellgate ? nil : rest
  }

  /// The settings as the bytes of `config.json`: equal settings give equal bytes.
  public func encoded() -> Data {
    // Only a number that is not finite can't be encoded, and validated settings have none.
    ConfigFile.encodeIfFinite(self) ?? Data("{}\n".utf8)
  }

  /// The settings in a run's `config.json`; throws `RunError.badConfig` or `file`.
  public init(contentsOf file: String) throws(RunError) {
    try self.init(decoding: RunDirectory.read(file), file: file)
  }

  /// The settings in the bytes of a `config.json`; `file` is its name in errors. Throws `RunError.badConfig`.
  public init(decoding data: Data, file: String) throws(RunError) {
    self = try ConfigFile.decode(Self.self, data, file: file)
    guard formatVersion == Self.currentFormatVersion else {
      throw .badConfig(
        file: file, reason: "format_version: expected \(Self.currentFormatVersion), found \(formatVersion)")
    }
  }

  /// The first setting, by name in `config.json`, in which `other` differs, with both values.
  package func firstDifference(
    from other: TrainingSettings, ignoring ignored: Set<String> = []
  ) -> (name: String, own: String, other: String)? {
    let (own, others) = (flattened(), other.flattened())
    let names = Set(own.keys).union(others.keys).subtracting(ignored)
    for name in names.sorted() where own[name] != others[name] {
      let (one, other) = TextDifference.shortened(own[name] ?? "none", others[name] ?? "none", most: 100)
      return (name, one, other)
    }
    return nil
  }

  /// Every setting as text, by name in `config.json`.
  package func flattened() -> [String: String] {
    guard let all = try? JSONDecoder().decode(FlatSettings.self, from: encoded()) else { return [:] }
    return all.texts
  }
}

/// The values of a JSON object, and of those inside it, as text by their dotted names.
private struct FlatSettings: Decodable {
  var texts: [String: String] = [:]

  init(from decoder: any Decoder) throws {
    if let object = try? decoder.singleValueContainer().decode([String: FlatSettings].self) {
      for (name, values) in object {
        for (inner, text) in values.texts { texts[inner.isEmpty ? name : "\(name).\(inner)"] = text }
      }
      return
    }
    if let list = try? decoder.singleValueContainer().decode([FlatSettings].self) {
      for (place, values) in list.enumerated() {
        for (inner, text) in values.texts {
          texts[inner.isEmpty ? "\(place + 1)" : "\(place + 1).\(inner)"] = text
        }
      }
      return
    }
    let value = try decoder.singleValueContainer()
    if let truth = try? value.decode(Bool.self) {
      texts[""] = "\(truth)"
    } else if let whole = try? value.decode(Int.self) {
      texts[""] = "\(whole)"
    } else if let seed = try? value.decode(UInt64.self) {
      texts[""] = "\(seed)"
    } else if let number = try? value.decode(Double.self) {
      texts[""] = "\(number)"
    } else {
      texts[""] = try value.decode(String.self)
    }
  }
}

extension KeyedDecodingContainer {
  /// Settings written before there was a choice have no precision: they mean Float32.
  func decode(_: Precision.Type, forKey key: Key) throws -> Precision {
    try decodeIfPresent(Precision.self, forKey: key) ?? .float32
  }
}
