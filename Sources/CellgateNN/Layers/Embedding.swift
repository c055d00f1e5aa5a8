import CellgateBasics
import CellgateTensor

/// A learned vector for each of V symbols.
///
/// As a layer it takes indices as numbers, `[T, B]` or `[B]`, and gives `[T, B, E]` or `[B, E]`. Its parameter is
/// `weight` [V, E], which starts normal with deviation 1, as in PyTorch.
public final class Embedding: Layer, Regularized {
  /// The kind that descriptions of models name it by.
  public static let kind = "embedding"

  /// The options of an embedding.
  public struct Options: LayerOptions {
    /// V: indices lie in 0 ..< V.
    public var inputDim: Int
    /// E.
    public var outputDim: Int
    /// Whether the symbol 0 is padding, whose steps later layers leave out.
    public var maskZero = false
    /// λ of a loss λ Σ w²; 0 for none.
    public var l2: Float = 0
    /// The share of the symbols whose vectors are dropped while training, wherever they occur in the batch; nil for
    /// none.
    public var dropout: Float?
    /// Whether the vectors are a buffer, which stays as it is; nil is no.
    public var isFrozen: Bool?

    /// V vectors of E numbers.
    public init(inputDim: Int, outputDim: Int) {
      self.inputDim = inputDim
      self.outputDim = outputDim
    }

    /// Sizes of 1 or more.
    public var problem: String? {
      SizeCheck.problem(("input_dim", inputDim), ("output_dim", outputDim))
        ?? SizeCheck.problem(l2: l2, maxNorm: nil) ?? SizeCheck.problem(share: "dropout", dropout ?? 0)
    }
  }

  /// What it was made with.
  public let options: Options
  private var table: Parameter?
  private var name = "embedding"

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "Embedding: \(options.problem ?? "")")
    self.options = options
  }

  /// A layer of `inputDim` V vectors of `outputDim` E numbers; with `maskZero` the symbol 0 is padding. With `dropout` a
  /// share of the symbols is dropped in each batch while training, wherever they occur, and the vectors of the others are
  /// divided by 1 − dropout (Merity et al. 2017, https://arxiv.org/abs/1708.02182).
  public convenience init(
    _ inputDim: Int, _ outputDim: Int, maskZero: Bool = false, l2: Float = 0, dropout: Float? = nil
  ) {
    var options = Options(inputDim: inputDim, outputDim: outputDim)
    options.maskZero = maskZero
    options.l2 = l2
    options.dropout = dropout
    self.init(options)
  }

  /// A table of `count` V vectors of `size` E that is built; it starts normal with deviation 1, as in PyTorch.
  public convenience init(
    count: Int, size: Int, dropout: Float? = nil, stream: RandomStream,
    initializer: Initializer = .normal(standardDeviation: 1)
  ) {
    self.init(count, size, dropout: dropout)
    table = Parameter(initializer([count, size], stream: stream.child("weight")))
  }

  /// [V, E], of a layer that is built.
  public var weight: Parameter {
    guard let table else { fail("Embedding: expected a layer that is built, found one without inputs") }
    return table
  }

  /// `weight`.
  public var members: [Member] {
    guard let table else { return [] }
    return options.isFrozen == true
      ? [.buffer("weight", Buffer(keeping: table))] : [.parameter("weight", table)]
  }

  /// Symbols give vectors.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let input = try single(inputs)
    guard input.features.isEmpty else {
      throw .badInput(layer: Self.kind, expected: "symbols [T, B] or [B]", found: "\(input)")
    }
    return [input.with([options.outputDim])]
  }

  /// `weight`.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    AnySequence(Self.parameterShapes(count: options.inputDim, size: options.outputDim))
  }

  /// Makes the vectors.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    name = context.name
    let initializer = (context.initialization ?? .cellgate).embeddingWeight(name)
    table = Parameter(
      initializer([options.inputDim, options.outputDim], stream: context.stream.child("weight")))
  }

  /// Indices of `shape`, row by row, each in 0 ..< V, give [shape.., E].
  public func callAsFunction(
    _ indices: [Int32], shape: [Int], context: ForwardContext = .inference()
  ) -> Tensor {
    let vectors = embedding(
      indices, shape: shape, table: options.isFrozen == true ? weight.value : weight.tensor)
    guard context.isTraining, let probability = options.dropout, probability > 0 else { return vectors }
    var stream = context.stream(name + "/symbols")
    let factors = dropoutMask([options.inputDim], probability: probability, stream: &stream).scalars
    return vectors * Tensor(indices.map { factors[Int($0)] }, shape: shape + [1])
  }

  /// Indices as numbers, each a whole one in 0 ..< V.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor
    let indices = x.scalars.map { number -> Int32 in
      guard let index = Int32(exactly: number), index >= 0, Int(index) < options.inputDim else {
        fail("Embedding: expected symbols in 0..<\(options.inputDim), found \(number)")
      }
      return index
    }
    var mask = inputs[0].mask
    if options.maskZero, x.rank == 2 {
      let (steps, batch) = (x.shape[0], x.shape[1])
      let own = SequenceMask(flags: indices.map { $0 != 0 }, batch: batch)
      mask = mask?.and(own, steps: steps, batch: batch) ?? own
    }
    return [LayerValue(self(indices, shape: x.shape, context: context), mask: mask)]
  }

  /// That of the vectors.
  public var penalties: [ParameterPenalty] { [ParameterPenalty(weight, l2: options.l2)] }
}
