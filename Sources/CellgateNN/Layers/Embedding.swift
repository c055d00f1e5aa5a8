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

    /// V vectors of E numbers.
    public init(inputDim: Int, outputDim: Int) {
      self.inputDim = inputDim
      self.outputDim = outputDim
    }

    /// Sizes of 1 or more.
    public var problem: String? {
      SizeCheck.problem(("input_dim", inputDim), ("output_dim", outputDim))
        ?? SizeCheck.problem(l2: l2, maxNorm: nil)
    }
  }

  /// What it was made with.
  public let options: Options
  private var table: Parameter?

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "Embedding: \(options.problem ?? "")")
    self.options = options
  }

  /// A layer of `inputDim` V vectors of `outputDim` E numbers; with `maskZero` the symbol 0 is padding.
  public convenience init(_ inputDim: Int, _ outputDim: Int, maskZero: Bool = false, l2: Float = 0) {
    var options = Options(inputDim: inputDim, outputDim: outputDim)
    options.maskZero = maskZero
    options.l2 = l2
    self.init(options)
  }

  /// A table of `count` V vectors of `size` E that is built; it starts normal with deviation 1, as in PyTorch.
  public convenience init(
    count: Int, size: Int, stream: RandomStream, initializer: Initializer = .normal(standardDeviation: 1)
  ) {
    self.init(Options(inputDim: count, outputDim: size))
    table = Parameter(initializer([count, size], stream: stream.child("weight")))
  }

  /// [V, E], of a layer that is built.
  public var weight: Parameter {
    guard let table else { fail("Embedding: expected a layer that is built, found one without inputs") }
    return table
  }

  /// `weight`.
  public var members: [Member] { table.map { [.parameter("weight", $0)] } ?? [] }

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
    let initializer = Initializer.normal(standardDeviation: 1)
    table = Parameter(
      initializer([options.inputDim, options.outputDim], stream: context.stream.child("weight")))
  }

  /// Indices of `shape`, row by row, each in 0 ..< V, give [shape.., E].
  public func callAsFunction(_ indices: [Int32], shape: [Int]) -> Tensor {
    embedding(indices, shape: shape, table: weight.tensor)
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
    return [LayerValue(self(indices, shape: x.shape), mask: mask)]
  }

  /// That of the vectors.
  public var penalties: [ParameterPenalty] { [ParameterPenalty(weight, l2: options.l2)] }
}
