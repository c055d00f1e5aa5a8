import CellgateBasics
import CellgateTensor

/// The options of a layer of a Transformer, encoder or decoder (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762).
public struct TransformerOptions: LayerOptions {
  /// Heads, of which each attends with D / heads numbers.
  public var heads: Int
  /// Units between the two maps of the feed-forward part; nil for 4 D.
  public var feedForward: Int?
  /// What stands between those maps: `relu` or `gelu`.
  public var activation = Activation.gelu
  /// The share that is dropped while training of what each part adds, and between the maps of the feed-forward part.
  public var dropout: Float = 0
  /// Whether each part normalises what it reads (pre-norm; Xiong et al. 2020, https://arxiv.org/abs/2002.04745), and not the
  /// sum after it, as in the paper and in PyTorch unless `norm_first` is set.
  public var normFirst = true
  /// Whether a step sees no later one; of an encoder's layer, as a decoder's always does so.
  public var isCausal = false
  /// How many steps, its own with them, a step of a causal layer sees at most; nil for all before it.
  public var window: Int?
  /// Whether queries and keys are turned by their places (``RotaryPositions``).
  public var isRotary = false
  /// What the normalisations add to the variance.
  public var epsilon: Float = 1e-5

  /// Options with their defaults but for these.
  public init(
    heads: Int, feedForward: Int? = nil, activation: Activation = .gelu, dropout: Float = 0,
    normFirst: Bool = true, isCausal: Bool = false
  ) {
    (self.heads, self.feedForward, self.activation) = (heads, feedForward, activation)
    (self.dropout, self.normFirst, self.isCausal) = (dropout, normFirst, isCausal)
  }

  /// Sizes of 1 or more, a share below 1, and a window of causal layers alone.
  public var problem: String? {
    if let problem = SizeCheck.problem(("heads", heads), ("feed_forward", feedForward ?? 1))
      ?? SizeCheck.problem(("window", window ?? 1)) ?? SizeCheck.problem(share: "dropout", dropout)
    {
      return problem
    }
    if activation != .relu && activation != .gelu {
      return "activation: expected relu or gelu, found \(activation.rawValue)"
    }
    if window != nil && !isCausal {
      return "window: expected a causal layer beside it, found one that sees all"
    }
    return epsilon > 0 && epsilon.isFinite ? nil : "epsilon: expected above 0, found \(epsilon)"
  }

  /// What is wrong with D units; nil for nothing.
  func problem(units: Int) -> String? {
    if units % heads != 0 { return "units: expected a multiple of \(heads) heads, found \(units)" }
    guard isRotary, units / heads % 2 != 0 else { return nil }
    return
      "units: expected an even number for each of \(heads) heads, as rotary positions turn pairs, found \(units)"
  }

  /// The options of the attention.
  func attention(isCausal: Bool) -> MultiHeadAttention.Options {
    var options = MultiHeadAttention.Options(heads: heads)
    options.isCausal = isCausal
    return options
  }
}

/// What the layers of a Transformer are made of: parts, attention or feed-forward, each with its normalisation, whose result is
/// added to what it read. Parameters have the names of PyTorch's `nn.TransformerEncoderLayer` and `nn.TransformerDecoderLayer`,
/// but for the attention's, which has four maps in place of `in_proj` and `out_proj`.
final class TransformerBlock {
  let options: TransformerOptions
  /// The attentions by their names, as many as there are.
  let attentions: [(name: String, attention: MultiHeadAttention)]
  private(set) var maps: [Linear] = []
  private(set) var norms: [LayerNormalization] = []
  private var name = "transformer"

  /// A block of these attentions: to itself, and to another sequence where there are two.
  init(_ options: TransformerOptions, _ attentions: [(name: String, isCausal: Bool)]) {
    self.options = options
    self.attentions = attentions.map {
      ($0.name, MultiHeadAttention(options.attention(isCausal: $0.isCausal)))
    }
  }

  var members: [Member] {
    guard !maps.isEmpty else { return [] }
    return attentions.map { .module($0.name, $0.attention) }
      + zip(["linear1", "linear2"], maps).map { .module($0, $1) }
      + norms.enumerated().map { .module("norm\($0 + 1)", $1) }
  }

  /// The shapes of the parameters for sequences of D `units`, whose second attention reads vectors of `memory` numbers.
  static func parameterShapes(
    _ options: TransformerOptions, units: Int, attentions: [(name: String, memory: Int)]
  ) -> [ParameterShape] {
    let inner = options.feedForward ?? 4 * units
    let attending = attentions.flatMap { name, memory in
      MultiHeadAttention(options.attention(isCausal: false))
        .parameterShapes([.sequence(units), .sequence(memory)]).map { $0.inside(name) }
    }
    let maps = [("linear1", units, inner), ("linear2", inner, units)].flatMap { name, input, output in
      Linear.parameterShapes(inputSize: input, outputSize: output).map { $0.inside(name) }
    }
    let norms = (1...attentions.count + 1).flatMap { number in
      ["weight", "bias"].map { ParameterShape("norm\(number).\($0)", [units]) }
    }
    return attending + maps + norms
  }

  func build(units: Int, memory: Int, _ context: BuildContext) {
    name = context.name
    for (place, part) in attentions.enumerated() {
      part.attention.build(
        [.sequence(units), .sequence(place == 0 ? units : memory)], context.inside(part.name))
    }
    let inner = options.feedForward ?? 4 * units
    maps = [
      Linear(inputSize: units, outputSize: inner, stream: context.stream.child("linear1")),
      Linear(inputSize: inner, outputSize: units, stream: context.stream.child("linear2")),
    ]
    norms = (0...attentions.count).map { _ in LayerNormalization(size: units, epsilon: options.epsilon) }
  }

  /// x with what `part` makes of it, normalised before or after.
  func add(_ place: Int, _ x: Tensor, _ context: ForwardContext, _ part: (Tensor) -> Tensor) -> Tensor {
    guard place < norms.count else {
      fail("Transformer: expected a layer that is built, found one without inputs")
    }
    let norm = norms[place]
    return options.normFirst
      ? x + dropped(part(norm(x)), context) : norm(x + dropped(part(x), context))
  }

  /// x with its attention to itself and to the `past`, and the keys, not turned, and values of both. `seen` are the valid places of
  /// both.
  func addSelfAttention(
    _ x: Tensor, seen: [[Range<Int>]]?, rotary: RotaryPositions?, past: (keys: Tensor, values: Tensor)?,
    _ context: ForwardContext
  ) -> (output: Tensor, keys: Tensor, values: Tensor) {
    let attention = attentions[0].attention
    var (keys, values) = (x, x)
    let output = add(0, x, context) { x in
      var memory = attention.memory(x)
      if let past {
        memory = AttentionMemory(
          keys: concatenated([past.keys, memory.keys], axis: 0),
          values: concatenated([past.values, memory.values], axis: 0))
      }
      memory.seen = seen
      (keys, values) = (memory.keys, memory.values)
      return attention.contexts(of: x, memory, rotary: rotary, window: options.window)
    }
    return (output, keys, values)
  }

  /// x with the feed-forward part, the last one.
  func addFeedForward(_ x: Tensor, _ context: ForwardContext) -> Tensor {
    add(norms.count - 1, x, context) { x in
      maps[1](dropped(options.activation(maps[0](x)), context))
    }
  }

  private func dropped(_ x: Tensor, _ context: ForwardContext) -> Tensor {
    guard context.isTraining, options.dropout > 0 else { return x }
    var stream = context.stream(name)
    return dropout(x, probability: options.dropout, stream: &stream)
  }
}

extension LayerValue {
  /// The sequence with zeros at its masked steps.
  var masked: LayerValue {
    guard let mask else { return self }
    let (steps, batch) = (tensor.shape[0], tensor.shape[1])
    let hidden = Tensor(
      mask.flags(steps: steps, batch: batch).map { $0 ? 0 : 1 }, shape: [steps, batch, 1])
    return with(tensor.filled(where: hidden, with: 0))
  }
}
