import CellgateBasics
import CellgateKernels

/// Scaled dot-product attention of several heads (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762) in one operation, of
/// sequences as they lie between layers:
///
///     head_h = softmax over s of (scale · Q_h K_hᵀ) V_h,   context = [head_1; …; head_n]
///
/// Queries [T, B, heads · d], keys [S, B, heads · d] and values [S, B, heads · e] give contexts [T, B, heads · e]; head h has the
/// h-th part of each vector. A query that sees nothing has a context of zeros.
///
/// Scores and weights exist one block of queries and keys at a time, in forward and backward pass: the largest score and the sum
/// of the weights of each query go on from block to block (Rabe and Staats 2021, https://arxiv.org/abs/2112.05682; Dao et
/// al. 2022, https://arxiv.org/abs/2205.14135), and the backward pass computes the weights again. The memory grows with T + S,
/// and blocks that no query sees take no time.
///
/// - Parameters:
///   - seen: the places that each of the B sequences' queries see; nil for all.
///   - isCausal: whether the last query sees no place after the last, and each query before it one less than the next.
///   - window: how many places a causal query sees at most, the last ones; nil for all.
///   - scale: what the products are multiplied by; nil for 1/√d.
public func headAttention(
  _ query: Tensor, _ keys: Tensor, _ values: Tensor, heads: Int, seen: [Range<Int>]? = nil,
  isCausal: Bool = false, window: Int? = nil, scale: Float? = nil
) -> Tensor {
  let rule = HeadAttentionRule(query, keys, values, heads, seen, isCausal, window, scale)
  let isRecorded = RecordedOperation.records([query, keys, values])
  let context = rule.forward(keepsRows: isRecorded)
  return RecordedOperation.record("headAttention", inputs: [query, keys, values], output: context) {
    gradient, needed in
    rule.backward(gradient, context: context).enumerated().map { needed[$0] ? .tensor($1) : nil }
  }
}

/// The sizes of an attention of several heads, and its passes.
private final class HeadAttentionRule {
  /// Rows and columns of a block of scores.
  private static let block = 64
  /// Tasks from which on a sequence's head is one task.
  private static let enoughTasks = 16

  private let query: Tensor, keys: Tensor, values: Tensor
  private let seen: [Range<Int>]?
  private let isCausal: Bool
  private let window: Int
  private let scale: Float
  /// T, S, B, heads, d and e.
  private let steps: Int, places: Int, batch: Int, heads: Int, size: Int, valueSize: Int
  /// Of each sequence, head and query the largest score and the sum of the weights.
  private var most: Storage?, sums: Storage?

  init(
    _ query: Tensor, _ keys: Tensor, _ values: Tensor, _ heads: Int, _ seen: [Range<Int>]?, _ isCausal: Bool,
    _ window: Int?, _ scale: Float?
  ) {
    require(
      query.rank == 3 && keys.rank == 3 && values.rank == 3 && keys.shape[1] == query.shape[1]
        && keys.shape[2] == query.shape[2] && values.shape.prefix(2) == keys.shape.prefix(2),
      "headAttention: expected queries [T, B, D], keys [S, B, D] and values [S, B, E], found \(query.shape), \(keys.shape) "
        + "and \(values.shape)")
    require(
      heads > 0 && query.shape[2] % heads == 0 && values.shape[2] % heads == 0 && query.shape[2] > 0,
      "headAttention: expected vectors of a multiple of \(heads) heads, found \(query.shape) and \(values.shape)"
    )
    let (places, batch) = (keys.shape[0], query.shape[1])
    require(
      seen.map { $0.count == batch && $0.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= places } }
        ?? true,
      "headAttention: expected \(batch) ranges of 0..<\(places), found \(seen ?? [])")
    require(
      window.map { $0 > 0 && isCausal } ?? true,
      "headAttention: expected a window of 1 or more of causal queries, found \(window ?? 0)")
    (steps, self.places, self.batch, self.heads) = (query.shape[0], places, batch, heads)
    (size, valueSize) = (query.shape[2] / heads, values.shape[2] / heads)
    (self.query, self.keys, self.values) = (query.detached, keys.detached, values.detached)
    (self.seen, self.isCausal, self.window) = (seen, isCausal, window ?? Int(Int32.max))
    self.scale = scale ?? 1 / Float(size).squareRoot()
  }

  /// The places that query `step` sees of those that its sequence has.
  private func places(_ step: Int) -> Range<Int> {
    guard isCausal else { return 0..<places }
    let end = max(0, step + 1 + places - steps)
    return max(0, end - window)..<end
  }

  /// The columns of the block that begins at `key` which the rows from `step` on see, as the kernels take them.
  private func band(step: Int, key: Int, _ own: Range<Int>) -> cg_band {
    let (least, most) = (max(0, own.lowerBound - key), max(0, own.upperBound - key))
    guard isCausal else { return cg_band(first: 0, last: most, step: 0, least: least, most: most) }
    let last = step + 1 + places - steps - key
    return cg_band(first: last - window, last: last, step: 1, least: least, most: most)
  }

  /// Calls `body` with each block that is seen: its first query and their number, its first key and their number. All blocks of one
  /// key follow one another.
  private func forEachBlock(
    _ queries: Range<Int>, _ own: Range<Int>, startKeys: (_ key: Int, _ count: Int) -> Void,
    _ body: (_ step: Int, _ rows: Int, _ key: Int, _ columns: Int) -> Void
  ) {
    guard !own.isEmpty, !queries.isEmpty else { return }
    let (lowest, highest) = (places(queries.lowerBound).lowerBound, places(queries.upperBound - 1).upperBound)
    let all = max(own.lowerBound, lowest)..<max(max(own.lowerBound, lowest), min(own.upperBound, highest))
    for key in stride(from: all.lowerBound, to: all.upperBound, by: Self.block) {
      let columns = min(Self.block, all.upperBound - key)
      var hasBegun = false
      for step in stride(from: queries.lowerBound, to: queries.upperBound, by: Self.block) {
        let rows = min(Self.block, queries.upperBound - step)
        let (first, last) = (places(step).lowerBound, places(step + rows - 1).upperBound)
        guard first < key + columns, last > key else { continue }
        if !hasBegun { startKeys(key, columns) }
        hasBegun = true
        body(step, rows, key, columns)
      }
    }
  }

  /// From one step to the next.
  private var queryStride: Int { batch * heads * size }
  private var valueStride: Int { batch * heads * valueSize }

  private func packed(_ depth: Int, _ columns: Int) -> Storage {
    Storage(count: cg_packed_count(depth, columns))
  }

  func forward(keepsRows: Bool) -> Tensor {
    let context = Tensor.zeros([steps, batch, heads * valueSize])
    guard context.count > 0 else { return context }
    let (count, block) = (batch * heads, Self.block)
    let kept = keepsRows ? (Storage(count: count * steps), Storage(count: count * steps)) : nil
    (most, sums) = (kept?.0, kept?.1)
    // Few heads are cut into ranges of queries, the same whatever the number of threads.
    let parts = min((Self.enoughTasks + count - 1) / count, (steps + block - 1) / block)
    let length = ((steps + parts - 1) / parts + block - 1) / block * block
    Elementwise.chunks(count * parts, grain: 1) { tasks in
      let (packedKeys, packedValues) = (packed(size, block), packed(block, valueSize))
      let scores = Storage(count: block * block), factors = Storage(count: block)
      let own = keepsRows ? nil : (Storage(count: steps), Storage(count: steps))
      for task in tasks {
        let (head, first) = (task / parts, task % parts * length)
        guard first < steps else { continue }
        let queries = first..<min(steps, first + length)
        let most = unsafe self.most.map { unsafe $0.pointer + head * steps } ?? own?.0.pointer
        let sums = unsafe self.sums.map { unsafe $0.pointer + head * steps } ?? own?.1.pointer
        guard let most = unsafe most, let sums = unsafe sums else { continue }
        for step in queries { unsafe (most[step], sums[step]) = (-.infinity, 0) }
        let q = unsafe query.pointer + head * size
        let k = unsafe keys.pointer + head * size
        let v = unsafe values.pointer + head * valueSize
        let c = unsafe context.pointer + head * valueSize
        let places = seen?[head / heads] ?? 0..<self.places
        forEachBlock(queries, places) { key, columns in
          unsafe cg_pack(size, columns, k + key * queryStride, 1, queryStride, packedKeys.pointer)
          unsafe cg_pack(columns, valueSize, v + key * valueStride, valueStride, 1, packedValues.pointer)
        } _: { step, rows, key, columns in
          var term = unsafe cg_term(
            a: q + step * queryStride, lda: queryStride, k: size, packed: packedKeys.pointer)
          unsafe cg_product(rows, columns, &term, 1, CG_START_ZERO, nil, scores.pointer, block)
          unsafe cg_attention_weights(
            rows, columns, band(step: step, key: key, places), scale, scores.pointer, block, most + step,
            sums + step, factors.pointer)
          let to = unsafe c + step * valueStride
          for row in 0..<rows where unsafe factors.pointer[row] != 1 {
            let at = unsafe to + row * valueStride
            let factor = unsafe factors.pointer[row]
            unsafe cg_apply(CG_MULTIPLY_CONSTANT, valueSize, at, nil, nil, factor, at)
          }
          unsafe term = cg_term(a: scores.pointer, lda: block, k: columns, packed: packedValues.pointer)
          unsafe cg_product(rows, valueSize, &term, 1, CG_START_RESULT, nil, to, valueStride)
        }
        for step in queries where unsafe sums[step] != 0 {
          let at = unsafe c + step * valueStride
          unsafe cg_apply(CG_MULTIPLY_CONSTANT, valueSize, at, nil, nil, 1 / sums[step], at)
        }
      }
      withExtendedLifetime((packedKeys, packedValues, scores, factors, own)) {}
    }
    return context
  }

  /// The gradients of queries, keys and values.
  func backward(_ gradient: Tensor, context: Tensor) -> [Tensor] {
    let result = [query, keys, values].map { Tensor.zeros($0.shape) }
    guard context.count > 0, let most, let sums else { return result }
    let block = Self.block
    Elementwise.chunks(batch * heads, grain: 1) { range in
      let (packedKeys, packedValues) = (packed(size, block), packed(valueSize, block))
      let packedBack = packed(block, size)
      let scores = Storage(count: block * block), slopes = Storage(count: block * block)
      let shifts = Storage(count: steps)
      for head in range {
        let (q, dq) = unsafe (query.pointer + head * size, result[0].pointer + head * size)
        let (k, dk) = unsafe (keys.pointer + head * size, result[1].pointer + head * size)
        let (v, dv) = unsafe (values.pointer + head * valueSize, result[2].pointer + head * valueSize)
        let c = unsafe context.pointer + head * valueSize
        let g = unsafe gradient.pointer + head * valueSize
        let (m, s) = unsafe (most.pointer + head * steps, sums.pointer + head * steps)
        for step in 0..<steps {
          unsafe shifts.pointer[step] = Float(
            cg_dot(valueSize, g + step * valueStride, c + step * valueStride))
        }
        let places = seen?[head / heads] ?? 0..<self.places
        forEachBlock(0..<steps, places) { key, columns in
          let (from, values) = unsafe (k + key * queryStride, v + key * valueStride)
          unsafe cg_pack(size, columns, from, 1, queryStride, packedKeys.pointer)
          unsafe cg_pack(columns, size, from, queryStride, 1, packedBack.pointer)
          unsafe cg_pack(valueSize, columns, values, 1, valueStride, packedValues.pointer)
        } _: { step, rows, key, columns in
          let (own, arriving) = unsafe (q + step * queryStride, g + step * valueStride)
          var term = unsafe cg_term(a: own, lda: queryStride, k: size, packed: packedKeys.pointer)
          unsafe cg_product(rows, columns, &term, 1, CG_START_ZERO, nil, scores.pointer, block)
          unsafe term = cg_term(a: arriving, lda: valueStride, k: valueSize, packed: packedValues.pointer)
          unsafe cg_product(rows, columns, &term, 1, CG_START_ZERO, nil, slopes.pointer, block)
          unsafe cg_attention_gradient(
            rows, columns, band(step: step, key: key, places), scale, m + step, s + step,
            shifts.pointer + step, scores.pointer, slopes.pointer, block)
          unsafe cg_outer(
            rows, columns, valueSize, scores.pointer, block, arriving, valueStride, dv + key * valueStride,
            valueStride)
          unsafe cg_outer(
            rows, columns, size, slopes.pointer, block, own, queryStride, dk + key * queryStride, queryStride)
          unsafe term = cg_term(a: slopes.pointer, lda: block, k: columns, packed: packedBack.pointer)
          unsafe cg_product(
            rows, size, &term, 1, CG_START_RESULT, nil, dq + step * queryStride, queryStride)
        }
      }
      withExtendedLifetime((packedKeys, packedValues, packedBack, scores, slopes, shifts)) {}
    }
    return result
  }
}
