import CellgateBasics
import CellgateCells
import CellgateTensor

/// A vector for each word of a sequence, made of the word's characters, or for each sentence, made of its words: an embedding, then a convolution over them and the
/// largest outputs (Ma and Hovy 2016, https://arxiv.org/abs/1603.01354), or a recurrent layer in both directions and its last
/// states (Lample et al. 2016, https://arxiv.org/abs/1603.01360).
///
/// It takes the numbers of C characters of each word, `[T, B, C]`, 0 after a shorter word's end, and gives `[T, B, F]` with the mask of
/// its input, F the units, twice as many of a recurrent layer; 0 for a word without characters. Words that stand several times in
/// a batch are computed once. Of sentences the numbers are those of C words. Its parameters are those of the parts `embedding` and `convolution` or `recurrent`.
public final class CharacterEncoder: Layer {
  /// "character_encoder".
  public static let kind = "character_encoder"

  /// The options of the parts.
  public struct Options: LayerOptions {
    /// V: numbers of characters lie in 0 ..< V, and 0 is no character.
    public var inputDim: Int
    /// Numbers of a character's vector.
    public var outputDim: Int
    /// The filters of the convolution, or the units of each direction.
    public var units: Int
    /// Characters that a filter sees.
    public var kernelSize = 3
    /// The cell of a recurrent layer; nil for a convolution.
    public var cell: CellText?
    /// The share of the characters whose vectors are dropped while training, wherever they occur; nil for none.
    public var dropout: Float?

    /// A convolution over vectors of so many characters.
    public init(inputDim: Int, outputDim: Int, units: Int) {
      self.inputDim = inputDim
      self.outputDim = outputDim
      self.units = units
    }

    /// Sizes of 1 or more.
    public var problem: String? {
      SizeCheck.problem(
        ("input_dim", inputDim), ("output_dim", outputDim), ("units", units), ("kernel_size", kernelSize))
        ?? SizeCheck.problem(share: "dropout", dropout ?? 0) ?? recurrent?.problem
    }

    var recurrent: RecurrentOptions? {
      cell.map { cell in
        var options = RecurrentOptions(cell: cell.cell, units: units)
        options.isBidirectional = true
        return options
      }
    }
  }

  /// What it was made with.
  public let options: Options
  private let embedding: Embedding
  private let convolution: Conv1D?
  private let recurrent: Recurrent?
  private let pooling = GlobalMaxPooling1D()

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "CharacterEncoder: \(options.problem ?? "")")
    self.options = options
    embedding = Embedding(options.inputDim, options.outputDim, dropout: options.dropout)
    recurrent = options.recurrent.map { Recurrent($0) }
    convolution =
      recurrent == nil
      ? Conv1D(options.units, options.kernelSize, padding: .same, activation: .tanh) : nil
  }

  private var parts: [(name: String, layer: any Layer)] {
    [("embedding", embedding)] + (convolution.map { [("convolution", $0)] } ?? [])
      + (recurrent.map { [("recurrent", $0)] } ?? [])
  }

  private func inputs(of part: String) -> [LayerShape] {
    [part == "embedding" ? .sequence() : .sequence(options.outputDim)]
  }

  /// Those of the parts.
  public var members: [Member] {
    parts.filter { !$0.layer.members.isEmpty }.map { .module($0.name, $0.layer) }
  }

  /// A vector for each word.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let input = try sequence(inputs).shape
    if let recurrent {
      return [input.with(try recurrent.outputShapes(self.inputs(of: "recurrent"))[0].features)]
    }
    return [input.with([options.units])]
  }

  /// Those of the parts.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    AnySequence(
      parts.lazy.flatMap { part in
        part.layer.parameterShapes(self.inputs(of: part.name)).lazy.map { $0.inside(part.name) }
      })
  }

  /// Builds the parts.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    for part in parts {
      part.layer.build(
        self.inputs(of: part.name), context.inside(part.name, named: "\(context.name)/\(part.name)"))
    }
  }

  /// The vectors of the words.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor
    let words = DistinctWords(x)
    let vectors = encoded(words, context)
    return [inputs[0].with(vectors.gathered(words.rows, shape: Array(x.shape.prefix(2))))]
  }

  /// [U, F] of U words.
  private func encoded(_ words: DistinctWords, _ context: ForwardContext) -> Tensor {
    let (steps, count) = (words.lengths.max() ?? 0, words.lengths.count)
    let mask = SequenceMask.lengths(words.lengths)
    let characters = embedding(
      [LayerValue(Tensor(words.numbers(steps: steps), shape: [steps, count]), mask: mask)], context)[0]
    if let recurrent { return recurrent([characters], context)[0].tensor }
    guard let convolution else { return .zeros([count, options.units]) }
    // Beside a word there is nothing, however long the others are.
    let outside = 1 - mask.weights(steps: steps, batch: count)
    let own = characters.with(characters.tensor.filled(where: outside.unsqueezed(axis: 2), with: 0))
    let outputs = convolution([own], context)[0].tensor
    return pooling([LayerValue(outputs, mask: mask)], context)[0].tensor
  }
}

/// The words of a batch, each once.
private struct DistinctWords {
  /// Which word stands at each of the batch's T · B places.
  let rows: [Int32]
  /// The characters of each word.
  let lengths: [Int]
  private let words: [ArraySlice<Float>]

  /// The words of [T, B, C].
  init(_ x: Tensor) {
    let (places, width, values) = (x.shape[0] * x.shape[1], x.shape[2], x.scalars)
    var known: [ArraySlice<Float>: Int32] = [:]
    var words: [ArraySlice<Float>] = []
    rows = (0..<places).map { place in
      let all = values[place * width..<(place + 1) * width]
      let word = all[..<(all.firstIndex(of: 0) ?? all.endIndex)]
      if let row = known[word] { return row }
      let row = Int32(words.count)
      known[word] = row
      words.append(word)
      return row
    }
    self.words = words
    lengths = words.map(\.count)
  }

  /// [steps, U], 0 after a word's end.
  func numbers(steps: Int) -> [Float] {
    var numbers = [Float](repeating: 0, count: steps * words.count)
    for (column, word) in words.enumerated() {
      for (step, number) in word.enumerated() { numbers[step * words.count + column] = number }
    }
    return numbers
  }
}
