import CellgateBasics
import CellgateKernels

/// What attention gives.
public struct Attended {
  /// The means of the values, weighed by `weights`: [.., M].
  public var context: Tensor
  /// What each place counts, [.., S]: numbers that sum to 1 over the places that are seen, 0 elsewhere. Where nothing is seen
  /// all are 0, and so is the context.
  public var weights: Tensor

  /// A mean of values and its weights.
  public init(context: Tensor, weights: Tensor) {
    self.context = context
    self.weights = weights
  }
}

/// Additive attention (Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473), in one operation:
///
///     weights = softmax over s of Σ_a score_a tanh(query_a + key_sa),   context = Σ_s weights_s value_s
///
/// query [N, A] or [T, B, A], keys [S, B, A], values [S, B, M] and score [A] give a context and weights of each query.
/// Queries and keys are those after their linear maps. The hyperbolic tangents are not kept: the backward pass computes them
/// again.
///
/// - Parameters:
///   - seen: for each of the B sequences the places that its queries see, as ranges in increasing order; nil for all.
///   - sequences: of each of the N queries the sequence that it belongs to; nil where query n belongs to sequence n mod B.
public func additiveAttention(
  _ query: Tensor, keys: Tensor, values: Tensor, score: Tensor, seen: [[Range<Int>]]? = nil,
  sequences: [Int32]? = nil
) -> Attended {
  require(
    score.shape == [keys.shape.last ?? 0],
    "additiveAttention: expected a score vector [A] for keys [S, B, A], found \(score.shape) for \(keys.shape)"
  )
  return AttentionRule(
    "additiveAttention", .additive(score.detached), query, keys, values, seen, sequences
  ).record(query, keys, values, score)
}

/// Attention by products, of one query at a time, in one operation:
///
///     weights = softmax over s of scale · query · key_s,   context = Σ_s weights_s value_s
///
/// query [N, A] or [T, B, A], keys [S, B, A] and values [S, B, M] give a context and weights of each query; see
/// ``additiveAttention(_:keys:values:score:seen:sequences:)`` for the other parameters. For many queries of one sequence
/// ``scaledDotProductAttention(_:_:_:lengths:isCausal:scale:)`` takes less time.
public func dotAttention(
  _ query: Tensor, keys: Tensor, values: Tensor, scale: Float = 1, seen: [[Range<Int>]]? = nil,
  sequences: [Int32]? = nil
) -> Attended {
  AttentionRule("dotAttention", .dot(scale), query, keys, values, seen, sequences)
    .record(query, keys, values, nil)
}

/// softmax(scale · Q Kᵀ) V of many queries at once (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762): queries
/// [B, .., T, d], keys [B, .., S, d] and values [B, .., S, e] give contexts [B, .., T, e] and weights [B, .., T, S].
///
/// - Parameters:
///   - lengths: places that are seen, the first ones, for each of the B sequences; nil for all.
///   - isCausal: whether the last query sees all places, and each query before it one less than the next.
///   - scale: what the products are multiplied by; nil for 1/√d.
public func scaledDotProductAttention(
  _ query: Tensor, _ keys: Tensor, _ values: Tensor, lengths: [Int]? = nil, isCausal: Bool = false,
  scale: Float? = nil
) -> Attended {
  require(
    query.rank >= 3 && keys.rank == query.rank && keys.shape.dropLast(2) == query.shape.dropLast(2)
      && keys.shape.last == query.shape.last && values.shape.dropLast() == keys.shape.dropLast(),
    "scaledDotProductAttention: expected queries [B, .., T, d], keys [B, .., S, d] and values [B, .., S, e], found "
      + "\(query.shape), \(keys.shape) and \(values.shape)")
  let (rank, batch) = (query.rank, query.shape[0])
  let (steps, places) = (query.shape[rank - 2], keys.shape[rank - 2])
  require(
    lengths.map { $0.count == batch && $0.allSatisfy { $0 >= 0 && $0 <= places } } ?? true,
    "scaledDotProductAttention: expected \(batch) lengths of 0...\(places), found \(lengths ?? [])")
  let factor = scale ?? 1 / Float(max(1, query.shape[rank - 1])).squareRoot()
  let scores = matmul(query * factor, keys, transposeB: true)
  let weights: Tensor
  if lengths == nil && !isCausal {
    weights = scores.softmax()
  } else {
    let rows = batch == 0 || places == 0 ? 0 : scores.count / places
    let counts = (0..<rows).map { row -> Int in
      let most = lengths?[row / (rows / batch)] ?? places
      return isCausal ? max(0, min(most, row % steps + 1 + places - steps)) : most
    }
    weights = scores.softmax(first: counts)
  }
  return Attended(context: matmul(weights, values), weights: weights)
}

/// Attention of single queries, forward and backward.
private final class AttentionRule {
  enum Kind {
    case additive(Tensor)
    case dot(Float)
  }

  private let name: String
  private let kind: Kind
  private let query: Tensor, keys: Tensor, values: Tensor
  private let seen: [[Range<Int>]]?
  private let owners: [Int32]?
  /// N, S, B, A and M.
  private let queries: Int, places: Int, batch: Int, keySize: Int, valueSize: Int
  private var weights: Tensor
  /// Where the gradients of keys, values, query and score vector are collected, as far as they are needed.
  private var sums: [Tensor?] = [nil, nil, nil, nil]

  init(
    _ name: String, _ kind: Kind, _ query: Tensor, _ keys: Tensor, _ values: Tensor, _ seen: [[Range<Int>]]?,
    _ owners: [Int32]?
  ) {
    require(
      keys.rank == 3 && values.rank == 3 && keys.shape.prefix(2) == values.shape.prefix(2),
      "\(name): expected keys [S, B, A] and values [S, B, M], found \(keys.shape) and \(values.shape)")
    let (places, batch, size) = (keys.shape[0], keys.shape[1], keys.shape[2])
    require(
      (query.rank == 2 || query.rank == 3) && query.shape.last == size,
      "\(name): expected queries [N, \(size)] or [T, B, \(size)], found \(query.shape)")
    let queries = query.shape.dropLast().reduce(1, *)
    require(
      owners == nil ? batch > 0 ? queries % batch == 0 : queries == 0 : owners?.count == queries,
      "\(name): expected the sequence of each query, or whole steps of \(batch) queries, found \(queries) queries"
        + (owners.map { " of \($0.count) sequences" } ?? ""))
    require(
      owners?.allSatisfy { $0 >= 0 && Int($0) < batch } ?? true,
      "\(name): expected sequences in 0..<\(batch), found others")
    require(
      seen.map { $0.count == batch && $0.allSatisfy { Self.areRanges($0, of: places) } } ?? true,
      "\(name): expected for each of \(batch) sequences ranges of 0..<\(places) in increasing order, found \(seen ?? [])"
    )
    (self.places, self.batch, self.queries) = (places, batch, queries)
    (keySize, valueSize) = (size, values.shape[2])
    (self.name, self.kind) = (name, kind)
    (self.query, self.keys, self.values) = (query.detached, keys.detached, values.detached)
    self.seen = seen?.map { $0.filter { !$0.isEmpty } }
    self.owners = owners
    weights = .zeros(query.shape.dropLast() + [places])
  }

  private static func areRanges(_ ranges: [Range<Int>], of places: Int) -> Bool {
    ranges.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= places }
      && zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }
  }

  /// The result, through which gradients flow back.
  func record(_ query: Tensor, _ keys: Tensor, _ values: Tensor, _ score: Tensor?) -> Attended {
    let context = forward()
    // The query comes last of those that any use needs: see `contributions`.
    let inputs = [keys, values] + (score.map { [$0] } ?? []) + [query]
    let recorded = RecordedOperation.record(name, inputs: inputs, outputs: [context, weights]) {
      [self] gradients, needed in
      contributions(gradients, needed)
    }
    return Attended(context: recorded[0], weights: recorded[1])
  }

  private func owner(_ query: Int) -> Int { owners.map { Int($0[query]) } ?? query % batch }
  private func ranges(_ sequence: Int) -> [Range<Int>] { seen?[sequence] ?? (places > 0 ? [0..<places] : []) }

  /// From one place of a sequence to the next.
  private var keyStride: Int { batch * keySize }
  private var valueStride: Int { batch * valueSize }

  private func forward() -> Tensor {
    let context = Tensor.zeros(query.shape.dropLast() + [valueSize])
    let grain = max(1, (1 << 13) / max(1, places * max(keySize, valueSize)))
    Elementwise.chunks(queries, grain: grain) { range in
      for row in range {
        let (sequence, w) = unsafe (owner(row), weights.pointer + row * places)
        let ranges = ranges(sequence)
        guard let first = ranges.first?.lowerBound, let last = ranges.last?.upperBound else { continue }
        let q = unsafe query.pointer + row * keySize
        if ranges.count > 1 { unsafe (w + first).update(repeating: -.infinity, count: last - first) }
        for range in ranges {
          let k = unsafe keys.pointer + range.lowerBound * keyStride + sequence * keySize
          switch kind {
          case .additive(let score):
            unsafe cg_additive_scores(
              range.count, keySize, q, k, keyStride, score.pointer, w + range.lowerBound)
          case .dot(let scale):
            for place in 0..<range.count {
              unsafe w[range.lowerBound + place] = scale * Float(cg_dot(keySize, q, k + place * keyStride))
            }
          }
        }
        var (largest, sum) = (Float(0), 0.0)
        unsafe cg_softmax(1, last - first, w + first, w + first, &largest, &sum)
        let c = unsafe context.pointer + row * valueSize
        for (range, next) in zip(ranges, ranges.dropFirst()) {
          unsafe (w + range.upperBound).update(repeating: 0, count: next.lowerBound - range.upperBound)
        }
        for range in ranges {
          let v = unsafe values.pointer + range.lowerBound * valueStride + sequence * valueSize
          unsafe cg_outer(
            range.count, 1, valueSize, w + range.lowerBound, 1, v, valueStride, c, valueSize)
        }
      }
    }
    return context
  }

  /// All gradients are added where they are collected, in one pass over the sequences, when the last of them asks.
  private func contributions(_ gradients: [Tensor?], _ needed: [Bool]) -> [RecordedOperation.Contribution?] {
    // In the order of `sums`: keys, values, query, score.
    let places = needed.count == 4 ? [0, 1, 3, 2] : [0, 1, 2]
    let last = needed.lastIndex(of: true)
    return needed.indices.map { input in
      guard needed[input] else { return nil }
      return .adding { [self] sum in
        sums[places[input]] = sum
        if input == last {
          backward(context: gradients[0], weights: gradients[1])
          sums = [nil, nil, nil, nil]
        }
      }
    }
  }

  private func backward(context: Tensor?, weights arriving: Tensor?) {
    // The queries of each sequence, in order.
    var own = [[Int]](repeating: [], count: batch)
    for row in 0..<queries { own[owner(row)].append(row) }
    // The score vector's gradient has at most 16 parts, which are added in order.
    let work = queries * places * max(keySize, valueSize) / max(1, batch)
    let grain = max((batch + 15) / 16, min(batch, (1 << 13) / max(1, work)), 1)
    let parts = (batch + grain - 1) / grain
    let score = sums[3].map { _ in Tensor.zeros([parts, keySize]) }
    let largest = own.reduce(0) { max($0, $1.count) }
    Elementwise.chunks(batch, grain: grain) { range in
      // Gradients of the weights, and of the scores.
      let scratch = Storage(count: 2 * places)
      let scorePart = unsafe score.map { unsafe $0.pointer + range.lowerBound / grain * keySize }
      if largest > 0 {
        for sequence in range {
          for row in own[sequence] {
            unsafe backward(
              row, sequence, context: context, weights: arriving, scratch: scratch, score: scorePart)
          }
        }
      }
      withExtendedLifetime(scratch) {}
    }
    if let score, let sum = sums[3] {
      for part in 0..<parts {
        for index in 0..<keySize { unsafe sum.pointer[index] += score.pointer[part * keySize + index] }
      }
    }
  }

  private func backward(
    _ row: Int, _ sequence: Int, context: Tensor?, weights arriving: Tensor?, scratch: Storage,
    score scorePart: UnsafeMutablePointer<Float>?
  ) {
    let ranges = ranges(sequence)
    guard let first = ranges.first?.lowerBound, let last = ranges.last?.upperBound else { return }
    let w = unsafe weights.pointer + row * places
    let (dw, ds) = unsafe (scratch.pointer, scratch.pointer + places)
    if let arriving {
      unsafe dw.update(from: arriving.pointer + row * places, count: places)
    } else {
      unsafe dw.update(repeating: 0, count: places)
    }
    if let context {
      let dc = unsafe context.pointer + row * valueSize
      for range in ranges {
        let v = unsafe values.pointer + range.lowerBound * valueStride + sequence * valueSize
        for place in 0..<range.count {
          unsafe dw[range.lowerBound + place] += Float(cg_dot(valueSize, dc, v + place * valueStride))
        }
        if let sum = sums[1] {
          let to = unsafe sum.pointer + range.lowerBound * valueStride + sequence * valueSize
          unsafe cg_outer(
            1, range.count, valueSize, w + range.lowerBound, places, dc, valueSize, to, valueStride)
        }
      }
    }
    let needsScores = unsafe scorePart != nil || sums[0] != nil || sums[2] != nil
    guard needsScores else { return }
    for (range, next) in zip(ranges, ranges.dropFirst()) {
      unsafe (dw + range.upperBound).update(repeating: 0, count: next.lowerBound - range.upperBound)
    }
    unsafe cg_softmax_gradient(1, last - first, dw + first, w + first, ds + first)
    let q = unsafe query.pointer + row * keySize
    let dq = unsafe sums[2].map { unsafe $0.pointer + row * keySize }
    for range in ranges {
      let start = range.lowerBound * keyStride + sequence * keySize
      let (k, g) = unsafe (keys.pointer + start, ds + range.lowerBound)
      let dk = unsafe sums[0].map { unsafe $0.pointer + start }
      switch kind {
      case .additive(let score):
        unsafe cg_additive_scores_gradient(
          range.count, keySize, q, k, keyStride, score.pointer, g, dq, dk, keyStride, scorePart)
      case .dot(let scale):
        for place in 0..<range.count { unsafe g[place] *= scale }
        if let dq = unsafe dq { unsafe cg_outer(range.count, 1, keySize, g, 1, k, keyStride, dq, keySize) }
        if let dk = unsafe dk {
          unsafe cg_outer(1, range.count, keySize, g, range.count, q, keySize, dk, keyStride)
        }
      }
    }
  }
}
