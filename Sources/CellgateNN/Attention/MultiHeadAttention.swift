import CellgateBasics
import CellgateTensor

/// Scaled dot-product attention of several heads (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762):
///
///     head_h = softmax(Q_h K_hᵀ / √d) V_h,   context = W_o [head_1; …; head_n] + b_o
///
/// where Q, K and V are linear maps of the queries and values to `units` D = heads · d numbers. The weights are the mean of
/// the heads'. As a layer it needs no weights and makes none: it then takes memory for T + S steps and not for T · S, see
/// `headAttention`. Its parameters are `query.weight` [D, Q], `key.weight` [D, M], `value.weight` [D, M], `output.weight` [D, D]
/// and their biases [D], as a `Linear` starts.
public final class MultiHeadAttention: AttentionLayer {
  /// "multi_head_attention".
  public static let kind = "multi_head_attention"

  /// The options of attention with several heads.
  public struct Options: LayerOptions {
    /// Heads.
    public var heads: Int
    /// D, of all heads together, and of the context; nil for the queries' size.
    public var units: Int?
    /// Whether the linear maps have biases.
    public var useBias = true
    /// Whether, of as many steps of queries as of values, each step sees no later one.
    public var isCausal = false

    /// So many heads of `units` numbers together.
    public init(heads: Int, units: Int? = nil) {
      self.heads = heads
      self.units = units
    }

    /// Sizes of 1 or more, and as many units in each head.
    public var problem: String? {
      if let problem = SizeCheck.problem(("heads", heads), ("units", units ?? heads)) { return problem }
      guard let units, units % heads != 0 else { return nil }
      return "units: expected a multiple of \(heads) heads, found \(units)"
    }
  }

  /// What it was made with.
  public let options: Options
  private var maps: [Linear] = []

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "MultiHeadAttention: \(options.problem ?? "")")
    self.options = options
  }

  /// A layer of `heads` heads; see ``Options``.
  public convenience init(heads: Int, units: Int? = nil, useBias: Bool = true, isCausal: Bool = false) {
    var options = Options(heads: heads, units: units)
    options.useBias = useBias
    options.isCausal = isCausal
    self.init(options)
  }

  private static let names = ["query", "key", "value", "output"]

  /// The four linear maps.
  public var members: [Member] { zip(Self.names, maps).map { .module($0, $1) } }

  /// D.
  public func contextSize(query: Int, values: Int) throws(LayerError) -> Int {
    let units = options.units ?? query
    guard units % options.heads == 0 else {
      throw .badInput(
        layer: Self.kind, expected: "queries of a multiple of \(options.heads) heads", found: "\(query)")
    }
    return units
  }

  /// Inputs and outputs of each map.
  private func sizes(_ inputs: [LayerShape]) -> [(input: Int, output: Int)] {
    let (query, values) = (inputs[0].features.last ?? 1, inputs[1].features.last ?? 1)
    let units = options.units ?? query
    return [query, values, values, units].map { ($0, units) }
  }

  /// Those of the four maps.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    AnySequence(
      zip(Self.names, sizes(inputs)).flatMap { name, size in
        Linear.parameterShapes(inputSize: size.input, outputSize: size.output)
          .prefix(options.useBias ? 2 : 1).map { $0.inside(name) }
      })
  }

  /// Makes the maps.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    maps = zip(Self.names, sizes(inputs)).map { name, size in
      Linear(
        inputSize: size.input, outputSize: size.output, hasBias: options.useBias,
        stream: context.stream.child(name))
    }
  }

  private func map(_ index: Int) -> Linear {
    guard index < maps.count else {
      fail("MultiHeadAttention: expected a layer that is built, found one without inputs")
    }
    return maps[index]
  }

  /// The mapped values, and their keys.
  public func memory(_ values: Tensor, mask: SequenceMask?) -> AttentionMemory {
    AttentionMemory(keys: map(1)(values), values: map(2)(values), mask: mask)
  }

  /// Contexts, and the mean weights of the heads, of queries `[N, Q]` or `[T, B, Q]`.
  public func attend(_ query: Tensor, _ memory: AttentionMemory, sequences: [Int32]?) -> Attended {
    let heads = attendHeads(query, memory, sequences: sequences)
    return Attended(
      context: heads.context, weights: heads.weights.mean(axis: heads.weights.rank - 2))
  }

  /// The contexts of the queries, whose mask stays.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let (query, memory) = (inputs[0].tensor, memory(inputs[1].tensor, mask: inputs[1].mask))
    return [
      inputs[0].with(
        query.rank == 3 ? contexts(of: query, memory) : attendHeads(query, memory, sequences: nil).context)
    ]
  }

  /// The contexts `[T, B, D]` of queries `[T, B, Q]`.
  ///
  /// - Parameters:
  ///   - rotary: what turns the mapped queries and keys, whose last places are the same; nil for none.
  ///   - window: how many places a query of causal attention sees at most; nil for all.
  func contexts(
    of query: Tensor, _ memory: AttentionMemory, rotary: RotaryPositions? = nil, window: Int? = nil
  ) -> Tensor {
    var (q, keys) = (map(0)(query), memory.keys)
    if let rotary {
      q = rotary(q, first: max(0, keys.shape[0] - q.shape[0]))
      keys = rotary(keys)
    }
    let single = memory.seen?.compactMap { $0.count > 1 ? nil : $0.first ?? 0..<0 }
    guard single?.count == memory.seen?.count else {
      return map(3)(attendSteps(q, keys, memory.values, seen: memory.seen, window: window).context)
    }
    return map(3)(
      headAttention(
        q, keys, memory.values, heads: options.heads, seen: single, isCausal: options.isCausal, window: window
      ))
  }

  /// The maps of queries, keys and values and that of the context, of a layer that is built.
  var builtMaps: [Linear] { (0..<4).map(map) }

  /// Contexts, and the weights `[.., heads, S]` of each head.
  func attendHeads(_ query: Tensor, _ memory: AttentionMemory, sequences: [Int32]?) -> Attended {
    let (q, heads) = (map(0)(query), options.heads)
    let units = q.shape[q.rank - 1]
    let (places, batch, size) = (memory.keys.shape[0], memory.keys.shape[1], units / heads)
    if q.rank == 3, sequences == nil {
      let result = attendSteps(q, memory.keys, memory.values, seen: memory.seen)
      return Attended(context: map(3)(result.context), weights: result.weights)
    }
    // Each head is a sequence of its own.
    func apart(_ x: Tensor) -> Tensor { x.reshaped([places, batch * heads, size]) }
    let leading = Array(q.shape.dropLast())
    let rows = leading.reduce(1, *)
    let owners = (0..<rows * heads).map { index -> Int32 in
      let owner = sequences.map { Int($0[index / heads]) } ?? index / heads % max(1, batch)
      return Int32(owner * heads + index % heads)
    }
    let result = dotAttention(
      q.reshaped([rows * heads, size]), keys: apart(memory.keys), values: apart(memory.values),
      scale: 1 / Float(size).squareRoot(),
      seen: memory.seen?.flatMap { Array(repeating: $0, count: heads) }, sequences: owners)
    return Attended(
      context: map(3)(result.context.reshaped(leading + [units])),
      weights: result.weights.reshaped(leading + [heads, places]))
  }

  /// Many mapped queries [T, B, D] of each sequence: their contexts [T, B, D], not mapped, and weights [T, B, heads, S].
  private func attendSteps(
    _ query: Tensor, _ keys: Tensor, _ values: Tensor, seen: [[Range<Int>]]?, window: Int? = nil
  ) -> Attended {
    let (batch, heads, units) = (query.shape[1], options.heads, query.shape[2])
    func apart(_ x: Tensor) -> Tensor {
      x.reshaped([x.shape[0], batch, heads, x.shape[2] / heads]).permuted([1, 2, 0, 3])
    }
    let result = attendApart(apart(query), apart(keys), apart(values), seen: seen, window: window)
    return Attended(
      context: result.context.permuted([2, 0, 1, 3]).reshaped([query.shape[0], batch, units]),
      weights: result.weights.permuted([2, 0, 1, 3]))
  }

  /// Many queries [B, heads, T, d] of each sequence.
  private func attendApart(
    _ query: Tensor, _ keys: Tensor, _ values: Tensor, seen: [[Range<Int>]]?, window: Int?
  ) -> Attended {
    let lengths = seen?.map { ranges -> Int? in
      ranges.isEmpty ? 0 : ranges.count == 1 && ranges[0].lowerBound == 0 ? ranges[0].upperBound : nil
    }
    if window == nil, lengths?.allSatisfy({ $0 != nil }) ?? true {
      return scaledDotProductAttention(
        query, keys, values, lengths: lengths?.map { $0 ?? 0 }, isCausal: options.isCausal)
    }
    // Gaps: the places that are not seen are left out of the softmax.
    let (batch, steps, places) = (query.shape[0], query.shape[2], keys.shape[2])
    var hidden = [Float](repeating: 1, count: batch * steps * places)
    for (row, start) in stride(from: 0, to: hidden.count, by: max(1, places)).enumerated() {
      let end = options.isCausal ? row % steps + 1 + places - steps : places
      for range in seen?[row / steps] ?? [] {
        for place in range where place < end && place >= end - (window ?? places) {
          hidden[start + place] = 0
        }
      }
    }
    let mask = Tensor(hidden, shape: [batch, 1, steps, places])
    let scale = 1 / Float(query.shape[3]).squareRoot()
    let scores = matmul(query * scale, keys, transposeB: true).filled(where: mask, with: -.infinity)
    // Where nothing is seen the softmax is NaN.
    let weights = scores.softmax().filled(where: mask, with: 0)
    return Attended(context: matmul(weights, values), weights: weights)
  }
}
