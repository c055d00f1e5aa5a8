import CellgateBasics
import CellgateMemory
import CellgateTensor

/// What the predictions of a language model, a trained one of any kind, are mixed with: what followed where the model's output was like
/// the present one, in the text that it reads or in a store of other texts.
///
///     p(w) = (1 − Σ shares) p_model(w) + share · p_cache(w) + share · p_neighbours(w)
///
/// The output h is what the model's head reads. Shares and the other numbers are chosen on validation data by ``tuned(_:_:on:cacheWindow:neighbours:)``.
public struct LanguageMemory: Sendable {
  /// The last symbols of the text itself (the neural cache; Grave et al. 2017, https://arxiv.org/abs/1612.04426):
  /// p(w) ∝ Σ exp(θ h · h_i) over the places i of the window that w follows.
  public struct Cache: Sendable, Equatable, Codable {
    /// Places that are remembered, the last ones.
    public var window: Int
    /// θ: large where only the most like outputs count.
    public var flatness: Double
    /// The share of the cache in what is predicted.
    public var share: Double

    /// A cache of so many places.
    public init(window: Int, flatness: Double = 0.3, share: Double = 0.1) {
      (self.window, self.flatness, self.share) = (window, flatness, share)
    }
  }

  /// The places of a store whose outputs are nearest (kNN-LM; Khandelwal et al. 2020, https://arxiv.org/abs/1911.00172):
  /// p(w) ∝ Σ exp(−|h − k|² / T) over those of `count` neighbours k that w follows.
  public struct Neighbours: Sendable {
    /// Outputs with the symbol after each.
    public var store: VectorIndex
    /// Lists of the store's keys, and how many of them are looked at; nil for an exact search.
    public var lists: (lists: InvertedLists, probes: Int)?
    /// How many are looked for.
    public var count: Int
    /// T: small where only the nearest ones count.
    public var temperature: Double
    /// The share of the neighbours in what is predicted.
    public var share: Double

    /// Neighbours in a store.
    public init(_ store: VectorIndex, count: Int = 64, temperature: Double = 1, share: Double = 0.1) {
      (self.store, self.count, self.temperature, self.share) = (store, count, temperature, share)
    }

    /// Neighbours in the store of a file, by its lists where `probes` is given, which lie beside it.
    public init(
      file: String, count: Int = 64, probes: Int? = nil, temperature: Double = 1, share: Double = 0.1
    ) throws(VectorIndexError) {
      self.init(try VectorIndex(file), count: count, temperature: temperature, share: share)
      if let probes { lists = (try InvertedLists(Self.lists(of: file), of: store), probes) }
    }

    /// The file of the lists of a store's file.
    public static func lists(of file: String) -> String { file + ".lists" }

    /// The nearest outputs to some `[Q, H]`, by the lists where there are some.
    func search(_ outputs: Tensor) -> [[VectorIndex.Match]] {
      guard let (lists, probes) = lists else { return store.search(outputs, count: count) }
      return lists.search(outputs, count: count, probes: probes, candidates: Self.candidates)
    }

    /// The share of the nearest outputs that is found in most searches by lists.
    static let recall = 0.95
    /// Candidates of each neighbour: many neighbours are wanted, so that few are enough.
    static let candidates = 4
  }

  /// The text's own last symbols; nil for none.
  public var cache: Cache?
  /// A store's; nil for none.
  public var neighbours: Neighbours?

  /// A memory of these parts.
  public init(cache: Cache? = nil, neighbours: Neighbours? = nil) {
    (self.cache, self.neighbours) = (cache, neighbours)
  }

  /// The share of the model itself.
  public var modelShare: Double { 1 - (cache?.share ?? 0) - (neighbours?.share ?? 0) }

  /// What is wrong with it for a model whose outputs have so many numbers; nil for nothing.
  public func problem(outputSize: Int) -> String? {
    if let cache {
      guard (1...Self.mostPlaces).contains(cache.window) else {
        return "cache: expected 1 to \(Self.mostPlaces) places, found \(cache.window)"
      }
      guard cache.flatness >= 0, cache.flatness.isFinite else {
        return "cache: expected a flatness of 0 or more, found \(cache.flatness)"
      }
    }
    if let neighbours {
      guard neighbours.store.dimension == outputSize, neighbours.store.measure == .squaredDistance else {
        return
          "\(neighbours.store.path): expected keys of \(outputSize) numbers, the model's outputs, by squared distance, "
          + "found \(neighbours.store.dimension) by \(neighbours.store.measure.rawValue)"
      }
      guard (1...Self.mostPlaces).contains(neighbours.count) else {
        return "neighbours: expected 1 to \(Self.mostPlaces), found \(neighbours.count)"
      }
      if let probes = neighbours.lists?.probes, probes < 1 {
        return "probes: expected 1 or more, found \(probes)"
      }
      guard neighbours.temperature > 0, neighbours.temperature.isFinite else {
        return "neighbours: expected a temperature above 0, found \(neighbours.temperature)"
      }
    }
    let shares = [cache?.share ?? 0, neighbours?.share ?? 0]
    guard shares.allSatisfy({ $0 >= 0 }), modelShare >= 0 else {
      return
        "shares: expected numbers of 0 or more whose sum is at most 1, found \(shares[0]) and \(shares[1])"
    }
    return nil
  }

  private static let mostPlaces = 1_000_000
}

extension LanguageMemory {
  /// ln of the mixed probabilities `[N, V]` for the model's logits `[N, V]` after outputs `[N, H]`, where each text has had what its lane
  /// has.
  func mixed(_ logits: Tensor, _ outputs: Tensor, _ lanes: [MemoryLane]) -> [Float] {
    let (rows, symbols, own) = (logits.shape[0], logits.shape[1], logits.softmax().scalars)
    let found = neighbours.map { $0.search(outputs) }
    return (0..<rows).flatMap { row -> [Float] in
      var probabilities = own[row * symbols..<(row + 1) * symbols].map { Double($0) }
      // Without a symbol to remember the model is alone.
      let isEmpty = (cache == nil || lanes[row].symbols.isEmpty, found.map { $0[row].isEmpty } ?? true)
      let shares = (isEmpty.0 ? 0 : cache?.share ?? 0, isEmpty.1 ? 0 : neighbours?.share ?? 0)
      for place in probabilities.indices { probabilities[place] *= 1 - shares.0 - shares.1 }
      if let cache, !isEmpty.0 {
        let products = lanes[row].products(outputs[row..<row + 1])
        MemoryWeights(
          zip(products.lazy.map { Float(cache.flatness) * $0 }, lanes[row].symbols).map { ($0, $1) }
        )
        .add(to: &probabilities, share: shares.0)
      }
      if let neighbours, let found, !isEmpty.1 {
        MemoryWeights(found[row].map { ($0.score / Float(neighbours.temperature), $0.value) })
          .add(to: &probabilities, share: shares.1)
      }
      return probabilities.map { Float(log($0)) }
    }
  }
}
