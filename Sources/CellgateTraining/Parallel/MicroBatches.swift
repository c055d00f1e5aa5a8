import CellgateBasics
import CellgateNN
import CellgateTensor

/// The gradients of a batch that is computed in parts, one after another or by several processes.
///
/// The sum over the parts is taken in pairs, as a tree whose shape depends on their number alone: 0 + 1, 2 + 3, then both sums. A process
/// computes parts that follow on one another and sums what of the tree lies within them; the rest is summed where it
/// comes together, each process for its share of the numbers. So the bits are the same however many processes there are.
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
    let nodes = try Self.nodes(0..<count, within: range(of: group?.rank ?? 0)).map { node in
      try sum(node) { index in
        for (entry, value) in zip(unlearned, before) { entry.parameter.assign(value) }
        results.append(try result(Shard(index, of: count), carried, unlearned, part))
      }
    }
    if let group {
      results = group.gather(Self.message(results).bytes).flatMap(Self.results)
      sum(nodes, group)
    } else {
      parameters.gradients.copy(nodes[0])
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
    _ shard: Shard, _ carried: [Tensor], _ unlearned: [ParameterSet.Entry], _ part: Part
  ) throws -> Result {
    parameters.zeroGradients()
    var own = carried.map { $0.sliced(shard.range(of: $0.shape[Self.lanes]), axis: Self.lanes) }
    guard let loss = try part(shard, &own) else { return Result(carried: own) }
    loss.sum.backward()
    for entry in unlearned {
      entry.parameter.gradient.copy(entry.parameter.value)
      entry.parameter.gradient.scale(by: Float(loss.weight))
    }
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

  /// The parts of a process.
  private func range(of rank: Int) -> Range<Int> { Shard(rank, of: group?.count ?? 1).range(of: count) }

  /// Where a range of the tree has its two halves apart: the first one is the largest power of two below the whole.
  private static func middle(_ range: Range<Int>) -> Int {
    range.lowerBound + 1 << (Int.bitWidth - 1 - (range.count - 1).leadingZeroBitCount)
  }

  /// The largest ranges of the tree of `range` that lie within `own`, in their order.
  private static func nodes(_ range: Range<Int>, within own: Range<Int>) -> [Range<Int>] {
    if range.lowerBound >= own.lowerBound && range.upperBound <= own.upperBound { return [range] }
    if range.count == 1 || !range.overlaps(own) { return [] }
    let middle = middle(range)
    return nodes(range.lowerBound..<middle, within: own) + nodes(middle..<range.upperBound, within: own)
  }

  /// The sum of the gradients of the parts `range`, which `compute` leaves one after another.
  private func sum(_ range: Range<Int>, _ compute: (Int) throws -> Void) rethrows -> Tensor {
    if range.count == 1 {
      try compute(range.lowerBound)
      return parameters.gradients.copied()
    }
    let middle = Self.middle(range)
    let sum = try sum(range.lowerBound..<middle, compute)
    sum.accumulate(try self.sum(middle..<range.upperBound, compute))
    return sum
  }

  /// Sums what all processes have, each one its share of the numbers, which it then gives to the others.
  private func sum(_ nodes: [Tensor], _ group: any ProcessGroup) {
    func share(_ rank: Int) -> Range<Int> { Shard(rank, of: group.count).range(of: parameters.count) }
    let received = group.exchange(
      (0..<group.count).map { rank in nodes.flatMap { $0.bytes(share(rank)) } })
    let own = share(group.rank)
    var sums: [Range<Int>: Tensor] = [:]
    for (rank, bytes) in received.enumerated() {
      for (index, node) in Self.nodes(0..<count, within: range(of: rank)).enumerated() {
        let values = Tensor.zeros([own.count])
        values.assign(bytes[4 * own.count * index..<4 * own.count * (index + 1)], at: 0)
        sums[node] = values
      }
    }
    func total(_ range: Range<Int>) -> Tensor {
      if let known = sums[range] { return known }
      let middle = Self.middle(range)
      let sum = total(range.lowerBound..<middle)
      sum.accumulate(total(middle..<range.upperBound))
      return sum
    }
    for (rank, bytes) in group.gather(total(0..<count).bytes(0..<own.count)).enumerated() {
      parameters.gradients.assign(bytes[...], at: share(rank).lowerBound)
    }
  }
}
