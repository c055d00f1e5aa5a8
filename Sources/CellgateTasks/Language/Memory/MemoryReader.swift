import CellgateBasics
import CellgateMemory
import CellgateTensor

/// Reads a model's outputs in lanes, and gives the probability that the memory has for each next symbol, for several flatnesses and
/// temperatures at once.
struct MemoryReader {
  /// The probabilities of the symbols that come next at some places, a list for each flatness and each temperature.
  struct Evidence {
    var cache: [[Double]]
    var neighbours: [[Double]]
  }

  private let window: Int
  private let flatnesses: [Float]
  private let neighbours: (source: LanguageMemory.Neighbours, temperatures: [Float])?
  /// What each lane has read lately.
  private var lanes: [MemoryLane]

  init(
    lanes: Int, window: Int, flatnesses: [Double],
    neighbours: (source: LanguageMemory.Neighbours, temperatures: [Double])?
  ) {
    self.lanes = .init(repeating: MemoryLane(), count: lanes)
    self.window = window
    self.flatnesses = flatnesses.map { Float($0) }
    self.neighbours = neighbours.map { ($0.source, $0.temperatures.map { Float($0) }) }
  }

  /// A memory with its own flatness and temperature.
  init(_ memory: LanguageMemory, lanes: Int) {
    self.init(
      lanes: lanes, window: memory.cache?.window ?? 0, flatnesses: memory.cache.map { [$0.flatness] } ?? [],
      neighbours: memory.neighbours.map { ($0, [$0.temperature]) })
  }

  /// Takes the outputs `[T, B, H]` of T steps and the symbol after each, row by row. `isInside` are the places of the text, and
  /// `isScored` those whose symbol is asked for; what is given is in their order, as are the model's `own` probabilities, which stand
  /// where there is nothing to remember.
  mutating func read(
    _ outputs: Tensor, next symbols: [Int32], isInside: [Bool], isScored: [Bool], own: [Double]
  ) -> Evidence {
    let scored = isScored.indices.filter { isScored[$0] }
    var evidence = Evidence(cache: flatnesses.map { _ in own }, neighbours: [])
    if !flatnesses.isEmpty {
      var order = [Int](repeating: -1, count: isScored.count)
      for (rank, place) in scored.enumerated() { order[place] = rank }
      for lane in lanes.indices {
        readCache(lane, outputs, symbols, isInside, order, &evidence.cache)
      }
    }
    if let neighbours, !scored.isEmpty {
      let size = outputs.shape[2]
      let queries = outputs.reshaped([outputs.count / size, size]).gathered(scored.map { Int32($0) })
      let found = neighbours.source.search(queries)
      evidence.neighbours = neighbours.temperatures.map { temperature in
        zip(scored.enumerated(), found).map { scored, matches in
          let (rank, place) = scored
          return matches.isEmpty
            ? own[rank]
            : MemoryWeights(matches.lazy.map { ($0.score / temperature, $0.value) }).part(of: symbols[place])
        }
      }
    } else {
      evidence.neighbours = neighbours?.temperatures.map { _ in [] } ?? []
    }
    return evidence
  }

  /// −ln of what a model with a memory gives the symbol after each place; 0 where it isn't asked for.
  mutating func nats(_ piece: LanguageReading.Piece, _ memory: LanguageMemory) -> [Double] {
    let own = piece.reading.probabilities(of: piece.classes, where: piece.isScored)
    let evidence = read(
      piece.reading.output, next: piece.classes, isInside: piece.isInside, isScored: piece.isScored, own: own)
    let parts = [own] + evidence.cache + evidence.neighbours
    let shares = [memory.modelShare] + [memory.cache?.share, memory.neighbours?.share].compactMap { $0 }
    var nats = [Double](repeating: 0, count: piece.isScored.count)
    var rank = 0
    for place in piece.isScored.indices where piece.isScored[place] {
      nats[place] = -log(max(zip(parts, shares).reduce(0) { $0 + $1.0[rank] * $1.1 }, .leastNormalMagnitude))
      rank += 1
    }
    return nats
  }

  private mutating func readCache(
    _ index: Int, _ outputs: Tensor, _ symbols: [Int32], _ isInside: [Bool], _ order: [Int],
    _ evidence: inout [[Double]]
  ) {
    let (steps, batch, size) = (outputs.shape[0], outputs.shape[1], outputs.shape[2])
    // A lane's text ends once.
    let count = (0..<steps).prefix { isInside[$0 * batch + index] }.count
    if count == 0 { return }
    let new = outputs.sliced(0..<count, axis: 0).sliced(index..<index + 1, axis: 1).reshaped([count, size])
    var lane = lanes[index]
    let before = lane.symbols.count
    lane.append(new.scalars, (0..<count).map { symbols[$0 * batch + index] })
    if (0..<count).contains(where: { order[$0 * batch + index] >= 0 }) {
      let products = lane.products(new)
      for step in 0..<count {
        let rank = order[step * batch + index]
        // Of this step itself the symbol is what is to be predicted.
        let known = max(0, before + step - window)..<before + step
        if rank < 0 || known.isEmpty { continue }
        let row = step * (before + count)
        for (place, flatness) in flatnesses.enumerated() {
          evidence[place][rank] = MemoryWeights(
            known.lazy.map { (flatness * products[row + $0], lane.symbols[$0]) }
          ).part(of: lane.symbols[before + step])
        }
      }
    }
    lane.keepLast(window)
    lanes[index] = lane
  }
}
