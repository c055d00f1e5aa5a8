import CellgateBasics
import CellgateCells
import CellgateNN
import CellgateTensor

/// The options of tasks whose sequences a Transformer may read in place of recurrent layers.
package enum TransformerOption {
  /// What reads the sequences.
  package static let model = TaskOption.choice(
    "model", "what reads the sequences: layers of the cell, or a Transformer, which has none",
    of: [recurrent, transformer])
  package static let heads = TaskOption.whole(
    "heads", "of a Transformer: heads of its attention (by default \(usualHeads))", in: 1...65_536)
  package static let blocks = TaskOption.whole(
    "blocks", "of a Transformer: its layers, such as beside cells of other --layers (by default --layers)",
    in: 1...10_000)
  package static let feedForward = TaskOption.whole(
    "feed-forward", "of a Transformer: units between its two maps of a step (by default 4 times --hidden)",
    in: 1...1_000_000_000)
  package static let positions = TaskOption.choice(
    "positions", "of a Transformer: how it knows the order of the steps (by default rotary)",
    of: [TransformerPositions.rotary, .sinusoidal].map(\.rawValue))
  package static let context = TaskOption.whole(
    "context", "of a Transformer: steps that each step sees, its own with them (by default --length)",
    in: 1...1_000_000)

  /// Those of a task that reads whole sequences.
  package static let all = [model, heads, blocks, feedForward, positions]
  /// The name of the cell in the settings of a Transformer.
  package static let transformer = "transformer"
  package static let recurrent = "recurrent"
  package static let usualHeads = 4
  /// Updates over which the learning rate of a Transformer rises where nothing else is said.
  package static let usualWarmUp = 400
}

extension Cell {
  /// What stands for the cell of a Transformer, which has none, where there has to be one. Its equation is never computed.
  package static let ofTransformer: Cell? = try? Cell(
    TransformerOption.transformer, summary: "no cell: a Transformer reads the sequences"
  ) { cell in
    cell.next(cell.state("h"), cell.matrix("weight_ih")(cell.input))
  }
}

extension TrainingSettings {
  /// Whether a Transformer reads the sequences, and no cell.
  package var isTransformer: Bool {
    taskOptions[TransformerOption.model.name] == .text(TransformerOption.transformer)
  }

  /// Makes a Transformer of the model, whose learning rate rises at first unless the schedule does so anyway; of a model
  /// that isn't offered one the task makes a problem.
  package mutating func useTransformer() {
    taskOptions[TransformerOption.model.name] = .text(TransformerOption.transformer)
    (cell, cellText) = (TransformerOption.transformer, nil)
    if schedule.warmUpSteps == 0 { schedule.warmUpSteps = TransformerOption.usualWarmUp }
  }

  /// Makes a Transformer of the model, with heads, feed-forward part, positions and window of another.
  mutating func useTransformer(like stack: TransformerEncoder.Options) {
    useTransformer()
    taskOptions[TransformerOption.heads.name] = .whole(stack.layer.heads)
    taskOptions[TransformerOption.feedForward.name] = stack.layer.feedForward.map { .whole($0) }
    taskOptions[TransformerOption.positions.name] = .text(stack.positions.rawValue)
    taskOptions[TransformerOption.context.name] = stack.layer.window.map { .whole($0) }
  }

  /// These settings without what cells alone have.
  package var withoutCells: TrainingSettings {
    var settings = self
    (settings.initialization, settings.chronoSteps, settings.forgetBias) = (nil, nil, nil)
    (settings.recurrentDropout, settings.zoneout, settings.weightDrop) = (nil, nil, nil)
    (settings.recomputeEvery, settings.precision, settings.bidirectional) = (nil, .float32, false)
    return settings
  }

  /// These settings without what a Transformer alone has. Of a task whose `model` is something else, such as that of captions, they
  /// stay as they are.
  package var withoutTransformer: TrainingSettings {
    let model = text(TransformerOption.model)
    guard model == nil || model == TransformerOption.recurrent || isTransformer else { return self }
    var settings = self
    for option in TransformerOption.all + [TransformerOption.context] {
      settings.taskOptions[option.name] = nil
    }
    return settings
  }

  /// How many layers a Transformer has.
  private var blocks: Int { optionalWhole(TransformerOption.blocks) ?? layers }

  /// The options of the Transformer's layers. One that is `causal` sees the last steps alone, as many as `context` says, by
  /// default the `length` of an update.
  package func transformerOptions(causal length: Int? = nil, returnSequences: Bool)
    -> TransformerEncoder.Options
  {
    let heads = optionalWhole(TransformerOption.heads) ?? TransformerOption.usualHeads
    var options = TransformerEncoder.Options(layers: blocks, heads: heads, units: hidden)
    options.layer.feedForward = optionalWhole(TransformerOption.feedForward)
    options.layer.dropout = dropout
    options.layer.isCausal = length != nil
    options.layer.window = length.map { optionalWhole(TransformerOption.context) ?? $0 }
    options.positions =
      text(TransformerOption.positions).flatMap { TransformerPositions(rawValue: $0) } ?? .rotary
    options.returnSequences = returnSequences
    return options
  }

  /// What stands between the input, or the embedding, and the head, not built: layers of the cell, or a Transformer, which is
  /// `causal` for updates of such a length.
  package func body(_ cell: Cell, causal length: Int? = nil, returnSequences: Bool = true) -> SequenceBody {
    if isTransformer {
      return .transformer(
        TransformerEncoder(transformerOptions(causal: length, returnSequences: returnSequences)))
    }
    var options = recurrentOptions(cell)
    options.returnSequences = returnSequences
    return .recurrent(Recurrent(options, initialization: start))
  }

  /// What is wrong with the settings of a Transformer, or with its options where there is none.
  func transformerProblems(_ task: any SequenceTask.Type) -> [SettingsError] {
    guard isTransformer else {
      let own = (TransformerOption.all + [TransformerOption.context]).dropFirst().map(\.name)
      return own.filter { taskOptions[$0] != nil && task.options.map(\.name).contains($0) }.map {
        .unsupported(option: $0, reason: "is an option of --model transformer")
      }
    }
    var problems: [SettingsError] = []
    func refuse(_ option: String, _ isSet: Bool) {
      if isSet {
        problems.append(.unsupported(option: option, reason: "has no meaning with --model transformer"))
      }
    }
    refuse("bidirectional", bidirectional)
    refuse("recurrent-dropout", recurrentDropout != nil)
    refuse("zoneout", zoneout != nil)
    refuse("weight-drop", weightDrop != nil)
    refuse("chrono-steps", chronoSteps != nil)
    refuse("forget-bias", forgetBias != nil)
    refuse("initialization", initialization != nil)
    refuse("recompute-every", recomputeEvery != nil)
    refuse("precision", precision != .float32)
    let options = transformerOptions(returnSequences: true), heads = max(1, options.layer.heads)
    if hidden > 0, hidden % hiddenMultiple != 0 {
      let pairs =
        hidden % heads == 0 ? "\(2 * heads), as rotary positions turn pairs of numbers in each of" : ""
      problems.append(
        .outOfRange(
          option: "hidden", expected: "a multiple of \(pairs.isEmpty ? "" : pairs + " ")\(heads) heads",
          found: "\(hidden)"))
    }
    return problems
  }

  /// What the number of hidden units is a multiple of.
  var hiddenMultiple: Int {
    guard isTransformer else { return 1 }
    let options = transformerOptions(returnSequences: true)
    return max(1, options.layer.heads) * (options.positions == .rotary ? 2 : 1)
  }

  /// The most hidden units with which what stands between input and head has at most so many parameters; at least one for each head.
  package func hidden(of cell: Cell, inputSize: Int, most parameters: Double) -> Int {
    let multiple = hiddenMultiple
    return multiple
      * StackSize.most { bodyParameters(cell, inputSize: inputSize, hidden: multiple * $0) <= parameters }
  }

  /// The parameters of what stands between the input of `inputSize` numbers, or the embedding, and the head, of `hidden` units, in
  /// Double: no size overflows.
  package func bodyParameters(_ cell: Cell, inputSize: Int, hidden: Int) -> Double {
    guard isTransformer else {
      return StackSize(inputSize: inputSize, layers: layers, bidirectional: bidirectional)
        .parameters(cell, hidden: hidden)
    }
    let units = Double(hidden),
      inner = optionalWhole(TransformerOption.feedForward).map(Double.init) ?? 4 * units
    let attention = 4 * (units * units + units), maps = 2 * units * inner + inner + units
    let around = (inputSize == hidden ? 0 : (Double(inputSize) + 1) * units) + 2 * units
    return Double(blocks) * (attention + maps + 4 * units) + around
  }
}
