import CellgateBasics
import CellgateNN
import CellgateTensor

/// The gradients of a batch that is computed in parts, one after another or by several processes.
///
/// The sum over the parts is a ``SumTree``. A process computes parts that follow on one another and sums what of the tree lies within them; the
/// rest is summed where it comes together (``GradientExchange``). So the bits are the same however many processes there are.
///
/// What a module keeps without learning it, such as running means, becomes the mean over the parts, each begun from what was there before.
struct MicroBatches {
  /// The parameters, whose gradients become those of the whole batch.
  let parameters: ParameterSet
  /// How many parts there are.
  let count: Int
  /// Who computes them besides this process; nil for nobody.
  let group: (any ProcessGroup)?

  /// Computes a part and leaves its gradients; nil for a part without sequences.
  typealias Part = (Shard, _ carried: inout [Tensor]) throws -> BatchLoss?

  /// The mean loss of the batch, whose gradients `parameters` then have. `carried` is what the whole batch carries.
  func callAsFunction(_ carried: inout [Tensor], _ part: Part) throws -> Double {
    let unlearned = parameters.entries.filter { !$0.isLearned }
    let before = unlearned.map { $0.parameter.value.copied() }
    var results: [Result] = []
    func compute(_ index: Int, _ complete: @escaping (Parameter) -> Void = { _ in }) throws {
      for (entry, value) in zip(unlearned, before) { entry.parameter.assign(value) }
      results.append(try result(Shard(index, of: count), carried, unlearned, part, complete))
    }
    if let group {
      let (nodes, path) = SumTree(count).within(Shard(group.rank, of: group.count).range(of: count))
      let exchange = GradientExchange(
        parameters, parts: count, group, nodes: try nodes.map { try sum($0) { try compute($0) } },
        before: try path.before.map { try sum($0) { try compute($0) } })
      try compute(path.last, exchange.complete)
      exchange.finish()
      results = group.gather(Self.message(results).bytes).flatMap(Self.results)
    } else {
      parameters.gradients.copy(try sum(0..<count) { try compute($0) })
    }
    let weight = results.reduce(0) { $0 + $1.weight }
    parameters.gradients.scale(by: Float(1 / weight))
    for entry in unlearned { entry.parameter.assign(entry.parameter.gradient) }
    carried = Self.joined(results.map(\.carried))
    return results.reduce(0) { $0 + $1.sum } / weight
  }

  // MARK: One part

  /// What a part gives besides its gradients.
  private struct Result {
    var sum = 0.0
    var weight = 0.0
    var carried: [Tensor] = []
  }

  private func result(
    _ shard: Shard, _ carried: [Tensor], _ unlearned: [ParameterSet.Entry], _ part: Part,
    _ complete: @escaping (Parameter) -> Void
  ) throws -> Result {
    parameters.zeroGradients()
    var own = carried.map { $0.sliced(shard.range(of: $0.shape[Self.lanes]), axis: Self.lanes) }
    guard let loss = try part(shard, &own) else { return Result(carried: own) }
    for entry in unlearned {
      entry.parameter.gradient.copy(entry.parameter.value)
      entry.parameter.gradient.scale(by: Float(loss.weight))
      complete(entry.parameter)
    }
    loss.sum.backward(completing: complete)
    return Result(sum: Double(loss.mean.item) * loss.weight, weight: loss.weight, carried: own)
  }

  /// The axis of the sequences in what is carried.
  private static let lanes = 1

  private static func joined(_ parts: [[Tensor]]) -> [Tensor] {
    let parts = parts.filter { !$0.isEmpty }
    return (parts.first ?? []).indices.map { index in concatenated(parts.map { $0[index] }, axis: lanes) }
  }

  private static func message(_ results: [Result]) -> ProcessMessage {
    var message = ProcessMessage()
    message.add(results.count)
    for result in results {
      message.add(result.sum)
      message.add(result.weight)
      message.add(result.carried)
    }
    return message
  }

  private static func results(_ bytes: [UInt8]) -> [Result] {
    var message = ProcessMessage(bytes: bytes)
    return (0..<message.int()).map { _ in
      Result(sum: message.double(), weight: message.double(), carried: message.tensors())
    }
  }

  // MARK: The sum

  /// The sum of the gradients of the parts `range`, each computed in its turn.
  private func sum(_ range: Range<Int>, _ compute: (Int) throws -> Void) rethrows -> Tensor {
    try SumTree.sum(range) { index in
      try compute(index)
      return parameters.gradients.copied()
    } add: {
      $0.accumulate($1)
    }
  }
}
