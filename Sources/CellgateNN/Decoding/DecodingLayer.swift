import CellgateBasics
import CellgateTensor

/// A layer that writes sequences of symbols: a decoder with its vocabulary.
///
/// As a layer of a model it takes the symbols `[T, B]` so far, each a number in 0 ..< V, and what it writes about, such as a
/// picture's features, and gives the logits `[T, B, V]` of each next symbol. ``DecodingModel`` trains and decodes a model
/// with such a layer at its end.
public protocol DecodingLayer: Layer {
  /// V.
  var vocabularySize: Int { get }

  /// What the layer gives for known symbols about `inputs`, those after the symbols.
  func outputs(_ symbols: DecodedSymbols, _ inputs: [LayerValue], _ context: ForwardContext) -> DecoderOutputs

  /// The logits `[.., V]` of outputs `[.., O]`.
  func logits(_ outputs: Tensor) -> Tensor

  /// The layer a step at a time, about `inputs`, those after the symbols; its parameters must stay as they are.
  func decoder(_ inputs: [LayerValue], _ context: ForwardContext) -> LayerDecoder
}

extension DecodingLayer {
  /// The logits of each next symbol.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let (tokens, shape) = (inputs[0].tensor, inputs[0].tensor.shape)
    let (steps, batch) = (shape[0], shape[1])
    let symbols = tokens.scalars.map { number -> Int32 in
      guard let symbol = Int32(exactly: number), symbol >= 0, Int(symbol) < vocabularySize else {
        fail("\(Self.kind): expected symbols in 0..<\(vocabularySize), found \(number)")
      }
      return symbol
    }
    // Steps after a sequence's last valid one are left out; those before it are taken.
    let ends = inputs[0].mask.map { $0.ranges(steps: steps, batch: batch).map { $0.last?.upperBound ?? 0 } }
    let known = DecodedSymbols(symbols, lengths: ends ?? [Int](repeating: steps, count: batch))
    let result = outputs(known, Array(inputs.dropFirst()), context)
    let width = result.outputs.shape[1]
    return [
      inputs[0].with(logits(result.spread(result.outputs, over: steps).reshaped([steps, batch, width])))
    ]
  }

  /// The symbols of a sequence.
  func checkSymbols(_ inputs: [LayerShape]) throws(LayerError) {
    guard let first = inputs.first, first == .sequence() else {
      throw .badInput(
        layer: Self.kind, expected: "symbols [T, B] first",
        found: inputs.first.map { "\($0)" } ?? "nothing")
    }
  }
}

/// Known symbols of N sequences, such as those that a decoder is trained on.
public struct DecodedSymbols: Sendable {
  /// [T, N], row by row, each in 0 ..< V; what stands after a sequence's end is never read.
  public let tokens: [Int32]
  /// T or less for each sequence.
  public let lengths: [Int]
  /// Of each sequence which of the inputs' it is about; nil where sequence n is about the n-th.
  public let sequences: [Int32]?
  /// The share of the symbols after the first that the model draws itself while it trains (scheduled sampling, Bengio et al. 2015,
  /// https://arxiv.org/abs/1506.03099).
  public let drawnShare: Float

  /// Symbols of sequences of these lengths.
  public init(_ tokens: [Int32], lengths: [Int], sequences: [Int32]? = nil, drawnShare: Float = 0) {
    let steps = lengths.isEmpty ? 0 : tokens.count / lengths.count
    require(
      tokens.count == steps * lengths.count && lengths.allSatisfy { $0 >= 0 && $0 <= steps },
      "DecodedSymbols: expected symbols [T, \(lengths.count)] and lengths up to T, found \(tokens.count) symbols and lengths up to \(lengths.max() ?? 0)"
    )
    require(
      sequences.map { $0.count == lengths.count } ?? true,
      "DecodedSymbols: expected \(lengths.count) sequences, found \(sequences?.count ?? 0)")
    require(
      drawnShare >= 0 && drawnShare <= 1, "DecodedSymbols: expected a share in 0...1, found \(drawnShare)")
    self.tokens = tokens
    self.lengths = lengths
    self.sequences = sequences
    self.drawnShare = drawnShare
  }

  /// T and N.
  public var steps: Int { lengths.isEmpty ? 0 : tokens.count / lengths.count }
  /// N.
  public var count: Int { lengths.count }
}

/// What a decoder gives for known symbols: a row for each valid symbol.
public struct DecoderOutputs {
  /// The outputs `[R, O]` that logits are made of, after their dropout.
  public let outputs: Tensor
  /// Of each row the place of its symbol in `[T, N]`: t · N + n.
  public let places: [Int32]
  /// N.
  public let count: Int
  /// The weights of attention `[R, S]`; nil without attention.
  public let weights: Tensor?
  /// 1 for the places `[N, S]` that a sequence can see, else 0; nil where all can be seen.
  public let visible: Tensor?

  /// Rows of valid symbols.
  public init(
    outputs: Tensor, places: [Int32], count: Int, weights: Tensor? = nil, visible: Tensor? = nil
  ) {
    self.outputs = outputs
    self.places = places
    self.count = count
    self.weights = weights
    self.visible = visible
  }

  /// How far a sequence has looked away from its places in all, of shape []:
  ///
  ///     mean over sequences of Σ over places s of (1 − Σ over symbols t of weights_ts)²
  ///
  /// the doubly stochastic penalty of Show, Attend and Tell (Xu et al. 2015, https://arxiv.org/abs/1502.03044, 4.2.1); places
  /// that can't be seen have no part in it. Nil without attention.
  public var doublyStochasticPenalty: Tensor? {
    guard let weights else { return nil }
    guard count > 0 else { return Tensor(0) }
    let sums = Tensor.zeros([count, weights.shape[1]])
      .scatterAdded(weights, at: places.map { $0 % Int32(count) })
    let squares = (1 - sums).square()
    return (visible.map { squares * $0 } ?? squares).sum() / Float(count)
  }

  /// Rows `[R, K]` at the places of their symbols, `[T, N, K]`, zeros elsewhere.
  public func spread(_ rows: Tensor, over steps: Int) -> Tensor {
    let width = rows.shape[1]
    var origins = [Int32](repeating: Int32(rows.shape[0]), count: steps * count)
    for (row, place) in places.enumerated() { origins[Int(place)] = Int32(row) }
    let padded = concatenated([rows, .zeros([1, width])], axis: 0)
    return padded.gathered(origins).reshaped([steps, count, width])
  }
}

/// A decoding layer a step at a time.
public final class LayerDecoder: SequenceDecoder {
  /// What is known of each of N rows.
  public struct States {
    /// Tensors with N rows in their second dimension, `[.., N, ..]`.
    public var tensors: [Tensor]
    /// Of each row which of the inputs' sequences it is about.
    public var sequences: [Int32]
    /// How much each row has looked at each place so far, `[N, S]`; nil where that isn't kept.
    var seen: Tensor?

    /// States of rows.
    public init(_ tensors: [Tensor], sequences: [Int32]) {
      self.tensors = tensors
      self.sequences = sequences
    }

    /// The first `count` rows, in the same memory where they lie together.
    func first(_ count: Int) -> States {
      guard count < sequences.count else { return self }
      return States(
        tensors.map { tensor in
          guard tensor.shape[0] == 1 else { return tensor.sliced(0..<count, axis: 1) }
          return tensor[0][0..<count].unsqueezed(axis: 0)
        }, sequences: Array(sequences.prefix(count)))
    }

    /// These rows.
    func gathered(_ rows: [Int32]) -> States {
      var states = States(
        tensors.map { $0.gathered(rows, axis: 1) }, sequences: rows.map { sequences[Int($0)] })
      states.seen = seen?.gathered(rows)
      return states
    }

    /// Rows of these of the inputs' sequences, of states that have a row for each.
    func of(_ own: [Int32]) -> States {
      let areAll = own.count == sequences.count && own.enumerated().allSatisfy { $0 == Int($1) }
      return areAll ? self : gathered(own)
    }
  }

  /// What one step gives.
  public struct Step {
    /// `[N, V]`.
    public var logits: Tensor
    /// The states after it.
    public var states: States
    /// What was looked at, `[N, S]`; nil without attention.
    public var weights: Tensor?

    /// Logits, states and weights of attention.
    public init(logits: Tensor, states: States, weights: Tensor? = nil) {
      (self.logits, self.states, self.weights) = (logits, states, weights)
    }
  }

  /// A row for each of the inputs' sequences, before the first symbol.
  public let start: States
  private let stepping: (_ states: States, _ tokens: [Int32]) -> Step
  /// The places that each of the inputs' sequences has, where what was looked at is kept.
  private let places: [[Range<Int>]]?

  /// A decoder by its first states and its step.
  public init(start: States, step: @escaping (_ states: States, _ tokens: [Int32]) -> Step) {
    (self.start, stepping, places) = (start, step, nil)
  }

  private init(_ other: LayerDecoder, places: [[Range<Int>]]) {
    (start, stepping, self.places) = (other.start, other.stepping, places)
  }

  /// The same decoder, which keeps how much was looked at each place: what ``BeamSearch/coveragePenalty`` needs. `mask` says which
  /// of the S places each of the inputs' sequences has.
  func keepingCoverage(_ mask: SequenceMask?, places count: Int) -> LayerDecoder {
    let batch = start.sequences.count
    return LayerDecoder(
      self, places: mask?.ranges(steps: count, batch: batch) ?? start.sequences.map { _ in [0..<count] })
  }

  /// The logits `[N, V]` of what comes after the last symbols, and the states after them.
  public func step(_ states: States, tokens: [Int32]) -> (logits: Tensor, states: States) {
    withoutGradient {
      var step = stepping(states, tokens)
      if places != nil, let weights = step.weights {
        step.states.seen = states.seen.map { $0 + weights } ?? weights
      }
      return (step.logits, step.states)
    }
  }

  /// These rows.
  public func select(_ states: States, rows: [Int32]) -> States { states.gathered(rows) }

  /// The least share of a place that counts, so that one that wasn't looked at has a logarithm.
  private static let leastSeen = 1e-6

  /// How little each row has looked at some places, of a decoder that keeps it.
  public func coverage(_ states: States) -> [Double]? {
    guard let places, let seen = states.seen else { return nil }
    let (width, all) = (seen.shape[1], seen.scalars)
    return states.sequences.enumerated().map { row, sequence in
      places[Int(sequence)].reduce(0) { sum, range in
        range.reduce(sum) { $0 + log(min(max(Double(all[row * width + $1]), Self.leastSeen), 1)) }
      }
    }
  }
}
