import CellgateBasics

/// The likeliest symbols of the steps of one sequence under connectionist temporal classification, by prefix beam search (Hannun
/// et al. 2014, https://arxiv.org/abs/1408.2873), with a language model if there is one. A step at a time, so that a sequence may
/// come in pieces.
///
///     score = ln Σ over paths of p + weight · ln p by the language model + bonus · symbols
///
/// ```swift
/// var beam = CTCBeam(width: 20)
/// for row in rows { beam.step(row) }
/// let best = beam.finished(1)[0].symbols
/// ```
public struct CTCBeam: Sendable {
  /// What a language model adds.
  public struct Language: Sendable {
    /// The model before the first symbol.
    public var start: LanguagePrefix
    /// What its ln p is multiplied by.
    public var weight: Double

    /// A language model of this weight.
    public init(_ start: LanguagePrefix, weight: Double) { (self.start, self.weight) = (start, weight) }
  }

  /// Symbols that were found.
  public struct Hypothesis: Sendable, Equatable {
    /// The symbols.
    public let symbols: [Int32]
    /// Their score.
    public let score: Double
  }

  /// A prefix of symbols in a tree of them; the empty one has the blank for its symbol.
  private struct Node {
    let parent: Int
    let symbol: Int
    /// What language and bonus add.
    let bonus: Double
    let language: LanguagePrefix?
    var children: [Int: Int] = [:]
  }

  /// ln Σ p of the paths that say a prefix, those that end in a blank and the others.
  private struct Sums {
    var blank = -Double.infinity
    var symbol = -Double.infinity

    var total: Double { logSum(blank, symbol) }
  }

  /// A prefix by its node or, where it has none, by that of its parent and its last symbol.
  private struct Place: Hashable {
    var node: Int
    var symbol: Int?
  }

  private let width: Int, blank: Int
  private let weight: Double, bonus: Double
  private var nodes: [Node]
  private var kept: [(node: Int, sums: Sums)]
  /// Symbols of all prefixes that are no longer nodes.
  private var settled: [Int32] = []
  /// The most nodes before some are left, at first and now.
  private let leastLimit: Int
  private var limit: Int

  /// A sequence that has not begun, of which `width` prefixes are kept at each step; each symbol adds `bonus` to the score.
  public init(width: Int, blank: Int = 0, language: Language? = nil, bonus: Double = 0) {
    self.init(width: width, blank: blank, language: language, bonus: bonus, settlesAt: 4096)
  }

  init(width: Int, blank: Int = 0, language: Language? = nil, bonus: Double = 0, settlesAt limit: Int) {
    require(width > 0, "CTCBeam: expected a width above 0, found \(width)")
    (self.width, self.blank, self.bonus) = (width, blank, bonus)
    (leastLimit, self.limit) = (limit, limit)
    weight = language?.weight ?? 0
    nodes = [Node(parent: -1, symbol: blank, bonus: 0, language: language?.start)]
    kept = [(0, Sums(blank: 0))]
  }

  /// Takes ln p of each of the K symbols at the next step.
  public mutating func step(_ scores: some RandomAccessCollection<Float>) {
    let scores = scores.map(Double.init)
    var found: [Place: Sums] = [:]
    for (node, sums) in kept {
      let last = nodes[node].symbol == blank ? nil : nodes[node].symbol
      var own = found[Place(node: node)] ?? Sums()
      own.blank = logSum(own.blank, sums.total + scores[blank])
      if let last { own.symbol = logSum(own.symbol, sums.symbol + scores[last]) }
      found[Place(node: node)] = own
      for symbol in scores.indices where symbol != blank && scores[symbol] > -.infinity {
        // A symbol that repeats the last one needs a blank between.
        let before = symbol == last ? sums.blank : sums.total
        guard before > -.infinity else { continue }
        let place =
          nodes[node].children[symbol].map { Place(node: $0) } ?? Place(node: node, symbol: symbol)
        found[place, default: Sums()].symbol = logSum(
          found[place]?.symbol ?? -.infinity, before + scores[symbol])
      }
    }
    func score(_ place: Place, _ sums: Sums) -> Double {
      sums.total + (place.symbol.map { childBonus(place.node, $0) } ?? nodes[place.node].bonus)
    }
    let best = found.map { (place: $0.key, sums: $0.value, score: score($0.key, $0.value)) }
      // Of equal scores an order that is the same every time.
      .sorted {
        ($1.score, $0.place.node, $0.place.symbol ?? -1) < ($0.score, $1.place.node, $1.place.symbol ?? -1)
      }
      .prefix(width)
    kept = best.map { (node($0.place.node, $0.place.symbol), $0.sums) }
    if nodes.count > limit { settle() }
  }

  private func childBonus(_ node: Int, _ symbol: Int) -> Double {
    let language = nodes[node].language.map { weight * Double($0.scores[symbol]) } ?? 0
    return nodes[node].bonus + language + bonus
  }

  /// The node of a prefix, or that of it with one more symbol.
  private mutating func node(_ parent: Int, _ symbol: Int?) -> Int {
    guard let symbol else { return parent }
    let language = nodes[parent].language?.next(Int32(symbol))
    nodes.append(
      Node(parent: parent, symbol: symbol, bonus: childBonus(parent, symbol), language: language))
    nodes[parent].children[symbol] = nodes.count - 1
    return nodes.count - 1
  }

  private func path(_ node: Int) -> [Int] {
    var path = [node]
    while let last = path.last, nodes[last].parent >= 0 { path.append(nodes[last].parent) }
    return path.reversed()
  }

  /// Leaves the nodes of the prefixes that are kept, from the last one that all of them have on: memory stays the same however
  /// long the sequence.
  private mutating func settle() {
    let paths = kept.map { path($0.node) }
    let shortest = paths.map(\.count).min() ?? 1
    let common = (0..<shortest).prefix { place in paths.allSatisfy { $0[place] == paths[0][place] } }.count
    settled += paths[0][..<common].dropFirst().map { Int32(nodes[$0].symbol) }
    var places: [Int: Int] = [:]
    var left: [Node] = []
    for path in paths {
      for old in path[(common - 1)...] where places[old] == nil {
        let node = nodes[old]
        let isRoot = old == paths[0][common - 1]
        let parent = isRoot ? -1 : places[node.parent] ?? -1
        places[old] = left.count
        left.append(Node(parent: parent, symbol: node.symbol, bonus: node.bonus, language: node.language))
        if !isRoot { left[parent].children[node.symbol] = left.count - 1 }
      }
    }
    kept = kept.map { (places[$0.node] ?? 0, $0.sums) }
    (nodes, limit) = (left, max(leastLimit, 4 * left.count))
  }

  /// The best `count` hypotheses if the sequence ends here, the best one first.
  public func finished(_ count: Int) -> [Hypothesis] {
    kept.map { node, sums in
      let end = nodes[node].language.map { weight * Double($0.end) } ?? 0
      let own = path(node).dropFirst().map { Int32(nodes[$0].symbol) }
      return Hypothesis(symbols: settled + own, score: sums.total + nodes[node].bonus + end)
    }.sorted { $0.score > $1.score }.prefix(count).map { $0 }
  }
}

/// ln (e^a + e^b).
private func logSum(_ a: Double, _ b: Double) -> Double {
  let top = max(a, b)
  return top.isFinite ? top + CLibrary.log1p(CLibrary.exp(min(a, b) - top)) : top
}
