import CellgateBasics

/// The loss of connectionist temporal classification (Graves et al. 2006, https://www.cs.toronto.edu/~graves/icml_2006.pdf), in nats
/// and in one operation: −ln of the probability that T steps say a target, summed over all ways to say it.
///
///     p(k at t) = softmax(logits[t])_k
///     loss      = −ln Σ over all paths z with collapse(z) = target of Π_t p(z_t at t)
///
/// A path has a symbol or a blank at each step; to collapse it, repeated symbols become one and blanks go. logits [T, B, K] and a
/// target for each sequence, symbols in 0 ..< K other than the blank, give [B]. All sums are in log space and in Double; no step is
/// recorded. Equal to PyTorch's `ctc_loss` of the logarithms of softmax, without reduction.
///
/// A target that has no path, since it needs more steps than there are (see ``ctcLeastSteps(of:)``), has the loss ∞ and the gradient
/// NaN; with `zeroInfinity` both are 0.
///
/// - Parameter lengths: valid steps of each sequence, in 0...T; nil when all are T long.
public func ctcLoss(
  _ logits: Tensor, targets: [[Int32]], lengths: [Int]? = nil, blank: Int = 0, zeroInfinity: Bool = false
) -> Tensor {
  require(
    logits.rank == 3 && logits.shape[2] > 0, "ctcLoss: expected logits [T, B, K], found \(logits.shape)")
  let (steps, batch, count) = (logits.shape[0], logits.shape[1], logits.shape[2])
  let lengths = lengths ?? [Int](repeating: steps, count: batch)
  require(
    lengths.count == batch && lengths.allSatisfy { $0 >= 0 && $0 <= steps },
    "ctcLoss: expected \(batch) lengths in 0...\(steps), found \(lengths.count) up to \(lengths.max() ?? 0)")
  require(targets.count == batch, "ctcLoss: expected \(batch) targets, found \(targets.count)")
  require(blank >= 0 && blank < count, "ctcLoss: expected a blank in 0..<\(count), found \(blank)")
  for (sequence, target) in targets.enumerated() {
    for symbol in target {
      require(
        symbol >= 0 && Int(symbol) < count && Int(symbol) != blank,
        "ctcLoss: target \(sequence): expected symbols in 0..<\(count) other than the blank \(blank), found \(symbol)"
      )
    }
  }
  let values = logits.detached
  let numbers = unsafe values.pointer
  func alignment(_ sequence: Int) -> CTCAlignment {
    CTCAlignment(steps: lengths[sequence], count: count, target: targets[sequence], blank: blank) {
      step, row in
      for symbol in 0..<count {
        unsafe row[symbol] = Double(numbers[(step * batch + sequence) * count + symbol])
      }
    }
  }
  let result = Tensor.uninitialized([batch])
  let output = unsafe result.pointer
  ThreadPool.current.run(batch) { sequence in
    let loss = alignment(sequence).loss
    unsafe output[sequence] = zeroInfinity && loss == .infinity ? 0 : Float(loss)
  }
  return RecordedOperation.record("ctcLoss", inputs: [logits], output: result) { gradient, _ in
    let own = Tensor.zeros(values.shape)
    let (target, given) = unsafe (own.pointer, gradient.pointer)
    ThreadPool.current.run(batch) { sequence in
      let factor = unsafe Double(given[sequence])
      alignment(sequence).forEachGradient(zeroInfinity: zeroInfinity) { step, row in
        for symbol in 0..<count {
          unsafe target[(step * batch + sequence) * count + symbol] = Float(factor * row[symbol])
        }
      }
    }
    return [.tensor(own)]
  }
}

/// The fewest steps that can say a target: one for each symbol, and one more between equal ones for the blank.
public func ctcLeastSteps(of target: [Int32]) -> Int {
  target.count + zip(target, target.dropFirst()).count { $0 == $1 }
}
