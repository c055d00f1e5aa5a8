import CellgateBasics

/// The logarithm of the probability of tags under a linear-chain conditional random field (Lafferty et al. 2001), in nats and in
/// one operation:
///
///     ln p(y | scores) = score(y) − ln Σ over all paths z of e^score(z)
///     score(y) = first[y_1] + Σ_t scores[t, y_t] + Σ_t transitions[y_t−1, y_t] + last[y_T]
///
/// scores [T, B, K], transitions [K, K] from the tag of the row to that of the column, first and last [K], and tags [T, B] row by
/// row, each in 0 ..< K, give [B]. The sum over paths is that of the forward algorithm in log space, the gradient that of
/// forward-backward, both in Double; no step is recorded.
///
/// - Parameter lengths: valid steps of each sequence, in 0...T; nil when all are T long. Tags after them may be anything. A
///   sequence without steps gives 0.
public func crfLogLikelihood(
  _ scores: Tensor, tags: [Int32], transitions: Tensor, first: Tensor, last: Tensor, lengths: [Int]? = nil
) -> Tensor {
  let sequences = ChainSequences("crfLogLikelihood", scores, transitions, first, last, lengths)
  let (steps, batch, count) = (sequences.steps, sequences.batch, sequences.count)
  require(
    tags.count == steps * batch,
    "crfLogLikelihood: expected \(steps * batch) tags for scores \(scores.shape), found \(tags.count)")
  for sequence in 0..<batch {
    for step in 0..<sequences.lengths[sequence] {
      let tag = tags[step * batch + sequence]
      require(
        tag >= 0 && Int(tag) < count,
        "crfLogLikelihood: step \(step) of sequence \(sequence): expected a tag in 0..<\(count), found \(tag)"
      )
    }
  }
  let chain = LinearChain(transitions, first, last)
  let result = Tensor.uninitialized([batch])
  let output = unsafe result.pointer
  sequences.forEachGroup { _, group in
    for sequence in group {
      let rows = sequences.rows(of: sequence)
      let path = sequences.path(tags, of: sequence)
      unsafe output[sequence] = Float(chain.score(rows, path) - chain.logSum(rows))
    }
  }
  let inputs = [scores, transitions, first, last]
  return RecordedOperation.record("crfLogLikelihood", inputs: inputs, output: result) { gradient, _ in
    sequences.gradients(chain, tags, gradient).map { .tensor($0) }
  }
}

/// The likeliest tags of each of B sequences under a linear-chain conditional random field, as many as it has steps (Viterbi
/// 1967); of equally likely paths one that is the same every time. The parameters are those of
/// ``crfLogLikelihood(_:tags:transitions:first:last:lengths:)``; no gradient flows.
public func crfDecode(
  _ scores: Tensor, transitions: Tensor, first: Tensor, last: Tensor, lengths: [Int]? = nil
) -> [[Int32]] {
  let sequences = ChainSequences("crfDecode", scores, transitions, first, last, lengths)
  let chain = LinearChain(transitions, first, last)
  let tags = Tensor.zeros([sequences.steps, sequences.batch])
  let output = unsafe tags.pointer
  sequences.forEachGroup { _, group in
    for sequence in group {
      for (step, tag) in chain.likeliest(sequences.rows(of: sequence)).enumerated() {
        unsafe output[step * sequences.batch + sequence] = Float(tag)
      }
    }
  }
  let found = tags.scalars
  return sequences.lengths.indices.map { sequence in
    (0..<sequences.lengths[sequence]).map { Int32(found[$0 * sequences.batch + sequence]) }
  }
}

/// The scores of sequences side by side, [T, B, K], cut into groups for the threads.
private struct ChainSequences {
  let scores: Tensor
  /// T, B and K.
  let steps: Int, batch: Int, count: Int
  let lengths: [Int]

  /// The most groups. Their number depends on the batch alone, so that sums over them do.
  private static let mostGroups = 16

  init(
    _ name: String, _ scores: Tensor, _ transitions: Tensor, _ first: Tensor, _ last: Tensor,
    _ lengths: [Int]?
  ) {
    require(
      scores.rank == 3 && scores.shape[2] > 0, "\(name): expected scores [T, B, K], found \(scores.shape)")
    (steps, batch, count) = (scores.shape[0], scores.shape[1], scores.shape[2])
    require(
      transitions.shape == [count, count] && first.shape == [count] && last.shape == [count],
      "\(name): expected transitions [\(count), \(count)] and first and last scores [\(count)], found \(transitions.shape), \(first.shape) and \(last.shape)"
    )
    self.scores = scores.detached
    let steps = steps
    let own = lengths ?? [Int](repeating: steps, count: batch)
    require(
      own.count == batch && own.allSatisfy { $0 >= 0 && $0 <= steps },
      "\(name): expected \(batch) lengths in 0...\(steps), found \(own.count) up to \(own.max() ?? 0)")
    self.lengths = own
  }

  private var groups: Int { min(batch, Self.mostGroups) }

  func forEachGroup(_ body: (_ number: Int, _ sequences: Range<Int>) -> Void) {
    let (groups, batch) = (groups, batch)
    ThreadPool.current.run(groups) { group in
      body(group, batch * group / groups..<batch * (group + 1) / groups)
    }
  }

  /// The scores of a sequence's valid steps.
  func rows(of sequence: Int) -> [[Double]] {
    let numbers = unsafe scores.pointer
    return (0..<lengths[sequence]).map { step in
      let start = (step * batch + sequence) * count
      return (0..<count).map { unsafe Double(numbers[start + $0]) }
    }
  }

  func path(_ tags: [Int32], of sequence: Int) -> [Int] {
    (0..<lengths[sequence]).map { Int(tags[$0 * batch + sequence]) }
  }

  /// The gradients of scores, transitions, first and last scores from those of the log-likelihoods.
  func gradients(_ chain: LinearChain, _ tags: [Int32], _ gradient: Tensor) -> [Tensor] {
    let (own, shared) = (Tensor.zeros(scores.shape), Tensor.zeros([groups, count * (count + 2)]))
    let (target, sums, given) = unsafe (own.pointer, shared.pointer, gradient.pointer)
    let width = count * (count + 2)
    forEachGroup { number, group in
      var total = [Double](repeating: 0, count: width)
      for sequence in group {
        let factor = unsafe Double(given[sequence])
        let part = chain.gradient(rows(of: sequence), path(tags, of: sequence))
        for (step, row) in part.scores.enumerated() {
          let start = (step * batch + sequence) * count
          for tag in 0..<count { unsafe target[start + tag] = Float(factor * row[tag]) }
        }
        for place in 0..<width { total[place] += factor * part.shared[place] }
      }
      for place in 0..<width { unsafe sums[number * width + place] = Float(total[place]) }
    }
    let joined = shared.sum(axis: 0)
    let square = count * count
    return [
      own, joined[0..<square].reshaped([count, count]), joined[square..<square + count],
      joined[square + count..<width],
    ]
  }
}
