import CellgateBasics
import CellgateTensor

/// How beam search looks for the best sequences.
public struct BeamSearch: Sendable, Equatable {
  /// Hypotheses that are kept of each sentence.
  public var width: Int
  /// α of the score that hypotheses are compared by when they are finished:
  ///
  ///     score = ln p(sequence) / length^α + β coverage
  ///
  /// where the length counts the symbols that have a part in ln p, the end included. 0 compares probabilities, which are
  /// larger for shorter sequences; 1 compares the mean ln p of a symbol.
  public var lengthPower = 0.0
  /// β of that score, for what a sequence has not looked at (Wu et al. 2016, https://arxiv.org/abs/1609.08144, 7):
  ///
  ///     coverage = Σ over places s of ln min(Σ over symbols t of attention_ts, 1)
  ///
  /// It is 0 of decoders without attention.
  public var coveragePenalty = 0.0
  /// The number of hypotheses that are returned for each sentence, or fewer where there are fewer.
  public var count = 1

  /// A search that keeps so many hypotheses.
  public init(width: Int, lengthPower: Double = 0, count: Int = 1) {
    self.width = width
    self.lengthPower = lengthPower
    self.count = count
  }

  /// What is wrong with it, in one line; nil for nothing.
  public var problem: String? {
    if width < 1 { return "beam width: expected 1 or more, found \(width)" }
    if count < 1 { return "number of hypotheses: expected 1 or more, found \(count)" }
    if !(lengthPower >= 0 && lengthPower.isFinite) {
      return "length power: expected 0 or more, found \(lengthPower)"
    }
    if !(coveragePenalty >= 0 && coveragePenalty.isFinite) {
      return "coverage penalty: expected 0 or more, found \(coveragePenalty)"
    }
    return nil
  }

  /// The score of a sequence of ln p and so many symbols, its end included, and of its coverage.
  public func score(_ logProbability: Double, length: Int, coverage: Double = 0) -> Double {
    logProbability / pow(Double(max(1, length)), lengthPower) + coveragePenalty * coverage
  }
}

extension SequenceDecoder {
  /// The best sequences that beam search finds for each row, the best first.
  ///
  /// At each step all hypotheses of all sentences are stepped together. Of the sentence's hypotheses with one more symbol
  /// the `width` likeliest are kept; those of them that end are finished, and of the others as many again go on. A sentence
  /// is done when it has `count` finished hypotheses and none that goes on can come to a higher score than the last of
  /// them, or when none goes on. A width of 1 is greedy search; a width of the number of all sequences finds the best one.
  ///
  /// Sentences don't depend on each other, and equal scores are ordered by the hypotheses' places and symbols: the result
  /// is the same in any batch, to the last bit where the decoder's rows are.
  ///
  /// - Parameters:
  ///   - states: what is known of each of N rows, a sentence each.
  ///   - tokens: the last symbol of each row, such as that which begins a sequence.
  ///   - rules: what the sequences must look like.
  public func beamSearch(
    from states: States, after tokens: [Int32], rules: DecodingRules, search: BeamSearch
  ) -> [[Hypothesis]] {
    require(rules.problem == nil, "beam search: \(rules.problem ?? "")")
    require(search.problem == nil, "beam search: \(search.problem ?? "")")
    var beams = tokens.map { _ in Beam(rules, search) }
    withoutGradient {
      var (states, tokens) = (states, tokens)
      // The sentences that are not done, and the first of the rows of each.
      var active = Array(beams.indices)
      while !active.isEmpty {
        let (logits, after) = step(states, tokens: tokens)
        require(
          logits.rank == 2 && logits.shape[0] == tokens.count,
          "beam search: expected logits [\(tokens.count), V], found \(logits.shape)")
        let coverage = search.coveragePenalty > 0 ? self.coverage(after) : nil
        let excluded = active.flatMap { beams[$0].excluded }
        let likely = LikelyTokens.best(logits, count: search.width, forbidden: rules.forbidden) {
          excluded[$0]
        }
        var (rows, next, first): ([Int32], [Int32], Int) = ([], [], 0)
        for sentence in active {
          let count = beams[sentence].live.count
          let own = first..<first + count
          for (parent, token) in beams[sentence].advance(likely[own], coverage: coverage?[own]) {
            rows.append(Int32(first + parent))
            next.append(token)
          }
          first += count
        }
        active.removeAll { beams[$0].live.isEmpty }
        guard !active.isEmpty else { break }
        let same = rows.count == tokens.count && rows.enumerated().allSatisfy { $0 == Int($1) }
        states = same ? after : select(after, rows: rows)
        tokens = next
      }
    }
    return beams.map(\.result)
  }
}

/// The hypotheses of one sentence.
private struct Beam {
  let rules: DecodingRules
  let search: BeamSearch
  /// Those that go on, the likeliest first.
  private(set) var live: [Live] = [Live()]
  /// The best that are finished, the best first.
  private var finished: [Hypothesis] = []
  /// Those that went on before a step after which nothing may come.
  private var last: [Live] = []

  struct Live {
    var hypothesis = Hypothesis()
    /// ln p of it.
    var sum = 0.0
    /// How little it has looked at some places, 0 or less.
    var coverage = 0.0
  }

  init(_ rules: DecodingRules, _ search: BeamSearch) { (self.rules, self.search) = (rules, search) }

  /// What may not come after each hypothesis that goes on.
  var excluded: [[Int32]] { live.map { rules.excluded(after: $0.hypothesis.tokens) } }

  /// Goes on by one symbol, by the likeliest ones after each hypothesis, whose coverage is known with them; returns the place
  /// that each new hypothesis comes from, and its last symbol.
  mutating func advance(
    _ likely: ArraySlice<[LikelyToken]>, coverage: ArraySlice<Double>?
  ) -> [(parent: Int, token: Int32)] {
    var candidates: [(sum: Double, parent: Int, token: LikelyToken)] = []
    for (parent, tokens) in likely.enumerated() {
      for token in tokens { candidates.append((live[parent].sum + token.logProbability, parent, token)) }
    }
    // A stable order: of equal sums the first hypothesis, and of its symbols the likeliest and first.
    let order = candidates.indices.sorted { (-candidates[$0].sum, $0) < (-candidates[$1].sum, $1) }
    last = live
    if let coverage { for (place, own) in zip(last.indices, coverage) { last[place].coverage = own } }
    live = []
    var continuations: [(parent: Int, token: Int32)] = []
    for index in order.prefix(search.width) {
      let (sum, parent, token) = candidates[index]
      var next = Live(hypothesis: last[parent].hypothesis, sum: sum, coverage: last[parent].coverage)
      next.hypothesis.logProbabilities.append(token.logProbability)
      if token.token == rules.end {
        next.hypothesis.isComplete = true
        finish(next)
        continue
      }
      next.hypothesis.tokens.append(token.token)
      if next.hypothesis.tokens.count == rules.maximumLength {
        finish(next)
      } else {
        live.append(next)
        continuations.append((parent, token.token))
      }
    }
    if isDone {
      live = []
      return []
    }
    return continuations
  }

  private mutating func finish(_ ended: Live) {
    var hypothesis = ended.hypothesis
    hypothesis.score = search.score(
      ended.sum, length: hypothesis.logProbabilities.count, coverage: ended.coverage)
    // Those of one score stay in the order in which they ended.
    let place = finished.firstIndex { $0.score < hypothesis.score } ?? finished.count
    finished.insert(hypothesis, at: place)
    if finished.count > search.count { finished.removeLast() }
  }

  /// Whether none that goes on can come to a higher score: ln p only falls, and is divided by the longest length at best; the
  /// coverage is 0 at best.
  private var isDone: Bool {
    guard finished.count == search.count, let least = finished.last, let best = live.first else {
      return live.isEmpty
    }
    return search.score(best.sum, length: rules.maximumLength) <= least.score
  }

  /// The best first; where nothing came to an end, what there was when nothing could come any more.
  var result: [Hypothesis] {
    guard finished.isEmpty else { return finished }
    return last.prefix(search.count).map { ended in
      var hypothesis = ended.hypothesis
      hypothesis.score = search.score(
        ended.sum, length: hypothesis.logProbabilities.count, coverage: ended.coverage)
      return hypothesis
    }
  }
}
