import CellgateBasics
import CellgateTensor

/// What attention looks at, with its keys computed once for all queries.
public struct AttentionMemory {
  /// What queries are compared with, `[S, B, A]`.
  public let keys: Tensor
  /// What the context is a mean of, `[S, B, M]`.
  public internal(set) var values: Tensor
  /// The places of each sequence that are seen; nil for all.
  var seen: [[Range<Int>]]?
  /// What queries of single steps are mapped by, where it is packed for all of them.
  var queryMap: SteppedLinear?

  /// A memory of keys and values of the places that are valid.
  public init(keys: Tensor, values: Tensor, mask: SequenceMask? = nil) {
    require(
      keys.rank == 3 && values.rank == 3 && keys.shape.prefix(2) == values.shape.prefix(2),
      "AttentionMemory: expected keys [S, B, A] and values [S, B, M], found \(keys.shape) and \(values.shape)"
    )
    self.keys = keys
    self.values = values
    seen = mask?.ranges(steps: values.shape[0], batch: values.shape[1])
  }
}

/// A layer that looks at a sequence with queries: each gets a mean of the sequence's values, weighed by how well their keys
/// fit the query.
///
/// As a layer of a model it takes queries, `[B, Q]` or `[T, B, Q]`, and the sequence `[S, B, M]` with its mask, and gives
/// the contexts `[B, N]` or `[T, B, N]`. A decoder computes the ``memory(_:mask:)`` once and attends to it at each step:
///
/// ```swift
/// let memory = attention.memory(regions, mask: .lengths(counts))   // regions [S, B, M]
/// let seen = attention.attend(states[0][0], memory)                // of queries [B, Q]
/// seen.context                                                     // [B, N]
/// seen.weights                                                     // [B, S]
/// ```
///
/// Places that are masked have the weight 0; where all are masked the context is 0.
public protocol AttentionLayer: Layer {
  /// The size N of a context for queries of size Q and values of size M; throws `badInput` for sizes that don't fit.
  func contextSize(query: Int, values: Int) throws(LayerError) -> Int

  /// Whether a context is the mean of the memory's values and nothing else, so that a linear map of it is the mean of mapped
  /// values. By default it isn't.
  var averagesValues: Bool { get }

  /// What queries look at in values `[S, B, M]`, of a layer that is built.
  func memory(_ values: Tensor, mask: SequenceMask?) -> AttentionMemory

  /// The contexts and weights of queries `[N, Q]` or `[T, B, Q]`. `sequences` names the sequence of each of N queries; nil
  /// where query n belongs to sequence n mod B.
  func attend(_ query: Tensor, _ memory: AttentionMemory, sequences: [Int32]?) -> Attended
}

extension AttentionLayer {
  /// More than a mean.
  public var averagesValues: Bool { false }

  /// What queries look at in values `[S, B, M]`, all of whose places are valid.
  public func memory(_ values: Tensor) -> AttentionMemory { memory(values, mask: nil) }

  /// The contexts and weights of queries `[B, Q]` or `[T, B, Q]`.
  public func attend(_ query: Tensor, _ memory: AttentionMemory) -> Attended {
    attend(query, memory, sequences: nil)
  }

  /// A context for each query.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    guard inputs.count == 2, inputs[0].features.count == 1, inputs[1].isSequence,
      inputs[1].features.count == 1
    else {
      throw .badInput(
        layer: Self.kind, expected: "queries [B, Q] or [T, B, Q] and a sequence [S, B, M]",
        found: "\(inputs.map(\.description))")
    }
    let size = try contextSize(query: inputs[0].features[0], values: inputs[1].features[0])
    return [inputs[0].with([size])]
  }

  /// The contexts of the queries, whose mask stays.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let memory = memory(inputs[1].tensor, mask: inputs[1].mask)
    return [inputs[0].with(attend(inputs[0].tensor, memory).context)]
  }
}

extension SequenceMask {
  /// The valid steps of each sequence as ranges in increasing order.
  func ranges(steps: Int, batch: Int) -> [[Range<Int>]] {
    switch self {
    case .lengths(let lengths):
      require(
        lengths.count == batch && lengths.allSatisfy { $0 >= 0 && $0 <= steps },
        "SequenceMask: expected \(batch) lengths of 0...\(steps), found \(lengths)")
      return lengths.map { $0 > 0 ? [0..<$0] : [] }
    case .flags(let flags):
      require(
        flags.count == steps * batch,
        "SequenceMask: expected \(steps * batch) flags, found \(flags.count)")
      return (0..<batch).map { sequence in
        var ranges: [Range<Int>] = []
        for step in 0..<steps where flags[step * batch + sequence] {
          if let last = ranges.last, last.upperBound == step {
            ranges[ranges.count - 1] = last.lowerBound..<step + 1
          } else {
            ranges.append(step..<step + 1)
          }
        }
        return ranges
      }
    }
  }
}
