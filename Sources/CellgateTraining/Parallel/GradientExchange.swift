import CellgateBasics
import CellgateNN
import CellgateTensor

/// Sums the gradients of all processes, piece by piece, while the last of them are still computed.
///
/// A piece is a range of the numbers. The pieces go out from the last to the first, which is about how a backward pass completes them, in the
/// same order in all processes. Each process sums its share of a piece and gives it to the others. A thread of its own does so where the
/// group allows it and there is more than one piece; else all is done at the end.
@safe package final class GradientExchange: @unchecked Sendable {
  /// Numbers of a piece at least.
  @TaskLocal package static var leastPiece = 1 << 18

  private let gradients: Tensor
  private let group: any ProcessGroup
  private let tree: SumTree
  /// The sums of this process that are complete, and what its last part is added to.
  private let nodes: [Tensor], before: [Tensor]
  private let pieces: [Range<Int>]

  // The calling thread's.
  /// The piece of each parameter whose gradient isn't complete, and how many of them each piece has.
  private var places: [ObjectIdentifier: Int] = [:]
  private var missing: [Int]

  // Under the condition's lock.
  private let condition = Condition()
  private var ready = 0, done = 0
  private var hasThread = false

  /// Of `parts` of a batch those of this process but for the last one, which is computed now: sums of `nodes` of the tree, and of what
  /// comes before the last part.
  init(_ parameters: ParameterSet, parts: Int, _ group: any ProcessGroup, nodes: [Tensor], before: [Tensor]) {
    gradients = parameters.gradients
    self.group = group
    tree = SumTree(parts)
    (self.nodes, self.before) = (nodes, before)
    var pieces: [Range<Int>] = []
    var end = parameters.count
    for entry in parameters.entries.reversed() {
      places[ObjectIdentifier(entry.parameter)] = pieces.count
      if end - entry.offset >= Self.leastPiece || entry.offset == 0 {
        pieces.append(entry.offset..<end)
        end = entry.offset
      }
    }
    self.pieces = pieces
    missing = [Int](repeating: 0, count: pieces.count)
    for place in places.values { missing[place] += 1 }
  }

  /// The gradient of a parameter is that of the whole part.
  func complete(_ parameter: Parameter) {
    guard let place = places.removeValue(forKey: ObjectIdentifier(parameter)) else { return }
    missing[place] -= 1
    let ready = missing.firstIndex { $0 > 0 } ?? pieces.count
    if ready > self.ready { go(ready) }
  }

  /// All gradients are complete. Returns when they are the sums of all processes.
  func finish() {
    go(pieces.count)
    condition.lock()
    while hasThread, done < pieces.count { condition.wait() }
    condition.unlock()
    while done < pieces.count { sumNext() }
  }

  // MARK: The thread

  private func go(_ count: Int) {
    condition.lock()
    ready = count
    condition.broadcast()
    condition.unlock()
    // What is left when all is complete needs no thread.
    guard !hasThread, group.servesOtherThreads, count < pieces.count else { return }
    hasThread = true
    let code = ThreadStarter.current.start("cellgate-sums", 8 << 20) { [self] in work() }
    if code != 0 { hasThread = false }
  }

  private func work() {
    while true {
      condition.lock()
      while done == ready, done < pieces.count { condition.wait() }
      let isAtEnd = done == pieces.count
      condition.unlock()
      if isAtEnd { return }
      sumNext()
    }
  }

  private func sumNext() {
    sum(pieces[done])
    condition.lock()
    done += 1
    condition.broadcast()
    condition.unlock()
  }

  // MARK: A piece

  private func share(_ piece: Range<Int>, of rank: Int) -> Range<Int> {
    let own = Shard(rank, of: group.count).range(of: piece.count)
    return piece.lowerBound + own.lowerBound..<piece.lowerBound + own.upperBound
  }

  private func sum(_ piece: Range<Int>) {
    let sent = (0..<group.count).map { rank in
      let share = share(piece, of: rank)
      return nodes.flatMap { $0.bytes(share) } + Self.bytes(lastNode(share))
    }
    let size = share(piece, of: group.rank).count
    var known: [Range<Int>: [Float]] = [:]
    for (rank, bytes) in group.exchange(sent).enumerated() {
      let ranges = tree.ranges(within: Shard(rank, of: group.count).range(of: tree.count))
      for (index, range) in ranges.enumerated() {
        known[range] = Self.numbers(bytes, index * size..<(index + 1) * size)
      }
    }
    guard let total = tree.sum(of: known, add: Self.add) else {
      fail("GradientExchange: expected sums of all \(tree.count) parts, found \(known.keys)")
    }
    for (rank, bytes) in group.gather(Self.bytes(total)).enumerated() {
      gradients.assign(bytes[...], at: share(piece, of: rank).lowerBound)
    }
  }

  /// Of the last node some numbers.
  private func lastNode(_ range: Range<Int>) -> [Float] {
    before.reversed().reduce(Self.numbers(gradients, range)) { sum, tensor in
      var node = Self.numbers(tensor, range)
      Self.add(&node, sum)
      return node
    }
  }

  private static func add(_ sum: inout [Float], _ other: [Float]) {
    for index in sum.indices { sum[index] += other[index] }
  }

  private static func numbers(_ tensor: Tensor, _ range: Range<Int>) -> [Float] {
    unsafe tensor.withScalars { unsafe Array($0[range]) }
  }

  private static func numbers(_ bytes: [UInt8], _ range: Range<Int>) -> [Float] {
    unsafe [Float](unsafeUninitializedCapacity: range.count) { buffer, count in
      unsafe bytes.withUnsafeBytes { source in
        unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: source[4 * range.lowerBound..<4 * range.upperBound]))
      }
      count = range.count
    }
  }

  private static func bytes(_ numbers: [Float]) -> [UInt8] {
    unsafe numbers.withUnsafeBytes { unsafe Array($0) }
  }
}
