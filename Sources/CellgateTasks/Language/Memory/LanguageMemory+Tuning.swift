import CellgateBasics
import CellgateData
import CellgateMemory
import CellgateTensor

extension LanguageMemory {
  /// A memory whose numbers are the best ones for a text, and what they give.
  public struct Tuned: Sendable {
    /// The memory.
    public let memory: LanguageMemory
    /// Symbols that were predicted.
    public let symbols: Int
    /// The cross-entropy of a symbol in nats: of the model alone, and with the memory.
    public let modelNats: Double, nats: Double
  }

  private static let flatnesses = (-6...8).map { exp2(Double($0)) }
  private static let temperatures = (-6...10).map { exp2(Double($0)) }
  /// Searches that say how many lists are looked at.
  private static let searches = 256
  /// Symbols of a text that are enough.
  private static let mostSymbols = 100_000

  /// The memory that predicts a text best together with a model: flatness, temperature and shares, by its first 100,000 symbols at most.
  ///
  /// - Parameters:
  ///   - model: the model, and what its symbols are.
  ///   - text: validation data, which neither the model nor the store was made of.
  ///   - cacheWindow: places of a cache; nil for no cache.
  ///   - neighbours: a store, how many neighbours are looked for, and lists perhaps, of which as many are looked at as find 95 % of
  ///     them; nil for none.
  public static func tuned(
    _ model: LanguageModel, _ tokenizer: TextTokenizer, on text: TextTokenizer.Encoded, cacheWindow: Int?,
    neighbours source: Neighbours?
  ) -> Tuned {
    var source = source
    let stream = SymbolSequence(text.indices.prefix(mostSymbols + 1))
    var reading = LanguageReading(model: model, stream: stream, chunk: LanguageReading.chunk(for: tokenizer))
    reading.warmUp = max(reading.warmUp, cacheWindow ?? 0)
    let flatnesses = cacheWindow == nil ? [] : Self.flatnesses
    let temperatures = source == nil ? [] : Self.temperatures
    if let lists = source?.lists, let count = source?.count {
      source?.lists?.probes =
        withoutGradient { reading.firstOutputs(searches) }.map {
          lists.lists.probes(
            reaching: Neighbours.recall, of: count, $0, candidates: Neighbours.candidates
          ).probes
        } ?? lists.probes
    }
    var reader = MemoryReader(
      lanes: reading.laneCount, window: cacheWindow ?? 0, flatnesses: flatnesses,
      neighbours: source.map { ($0, temperatures) })
    var own: [Double] = []
    var (caches, neighbours) = (
      [[Double]](repeating: [], count: flatnesses.count), [[Double]](repeating: [], count: temperatures.count)
    )
    withoutGradient {
      reading.forEachPiece { piece in
        let new = piece.reading.probabilities(of: piece.classes, where: piece.isScored)
        own += new
        let evidence = reader.read(
          piece.reading.output, next: piece.classes, isInside: piece.isInside, isScored: piece.isScored,
          own: new)
        for place in caches.indices { caches[place] += evidence.cache[place] }
        for place in neighbours.indices { neighbours[place] += evidence.neighbours[place] }
        return true
      }
    }
    /// The one of some predictions that goes best with the model.
    func best(_ parts: [[Double]]) -> Int? {
      let nats = parts.map { MemoryMixture.best([own, $0]).nats }
      return nats.indices.min { nats[$0] < nats[$1] }
    }
    let (cache, neighbour) = (best(caches), best(neighbours))
    let parts = [own] + (cache.map { [caches[$0]] } ?? []) + (neighbour.map { [neighbours[$0]] } ?? [])
    let (shares, nats) = MemoryMixture.best(parts)
    var memory = LanguageMemory()
    if let cache, let cacheWindow {
      memory.cache = Cache(window: cacheWindow, flatness: flatnesses[cache], share: shares[1])
    }
    if let neighbour, var source {
      (source.temperature, source.share) = (temperatures[neighbour], shares[shares.count - 1])
      memory.neighbours = source
    }
    return Tuned(
      memory: memory, symbols: own.count, modelNats: MemoryMixture.nats([own], [1]), nats: nats)
  }
}

extension LanguageReading {
  /// The first outputs that predict a symbol, at most so many, `[Q, H]`; nil of a text without any.
  fileprivate func firstOutputs(_ most: Int) -> Tensor? {
    var rows: [Tensor] = []
    forEachPiece { piece in
      let output = piece.reading.output
      let places = piece.isScored.indices.filter { piece.isScored[$0] }.prefix(
        most - rows.reduce(0) { $0 + $1.shape[0] })
      if !places.isEmpty {
        rows.append(
          output.reshaped([output.count / output.shape[2], output.shape[2]]).gathered(
            places.map { Int32($0) }))
      }
      return rows.reduce(0) { $0 + $1.shape[0] } < most
    }
    return rows.isEmpty ? nil : concatenated(rows, axis: 0)
  }
}
