import CellgateNN
import CellgateTensor
import Foundation
import Testing

/// Greedy search and beam search over decoders whose every sequence can be listed.
@Suite("Beam search")
struct BeamSearchTests {
  private static let end: Int32 = 0, start: Int32 = 1

  private static func rules(_ length: Int) -> DecodingRules { DecodingRules(end: end, maximumLength: length) }

  /// Every sequence under the rules, with ln p, the best first.
  private static func all(
    _ decoder: TableDecoder, _ sentence: Int, _ rules: DecodingRules, _ search: BeamSearch
  ) -> [Hypothesis] {
    var result: [Hypothesis] = []
    func extend(_ hypothesis: Hypothesis) {
      let next = decoder.logProbabilities(sentence, [start] + hypothesis.tokens)
      for token in Int32(0)..<Int32(decoder.size) where allows(token, after: hypothesis.tokens, rules) {
        var longer = hypothesis
        longer.logProbabilities.append(next[Int(token)])
        if token == rules.end {
          longer.isComplete = true
        } else {
          longer.tokens.append(token)
        }
        if longer.isComplete || longer.tokens.count == rules.maximumLength {
          longer.score =
            longer.logProbability / pow(Double(longer.logProbabilities.count), search.lengthPower)
          result.append(longer)
        } else {
          extend(longer)
        }
      }
    }
    extend(Hypothesis())
    return result.sorted { $0.score > $1.score }
  }

  /// Whether a symbol may come, from the words of the rules.
  private static func allows(_ token: Int32, after tokens: [Int32], _ rules: DecodingRules) -> Bool {
    if rules.forbidden.contains(token) { return false }
    if token == rules.end { return tokens.count >= rules.minimumLength }
    guard let n = rules.noRepeatedNGram, tokens.count >= n else { return true }
    let new = Array(tokens.suffix(n - 1)) + [token]
    return !(0...tokens.count - n).contains { Array(tokens[$0..<$0 + n]) == new }
  }

  private static var ruleSets: [DecodingRules] {
    var least = rules(4), repeated = rules(4), forbidden = rules(4), endless = rules(3)
    least.minimumLength = 2
    repeated.noRepeatedNGram = 2
    forbidden.forbidden = [2]
    forbidden.noRepeatedNGram = 1
    endless.end = nil
    return [rules(4), rules(1), least, repeated, forbidden, endless]
  }

  @Test(
    "With room for all sequences the best are found, in their order, with the model's ln p", arguments: 1...4)
  func exhaustive(_ seed: UInt64) {
    for rules in Self.ruleSets {
      for power in [0, 0.7, 1, 2] {
        let decoder = TableDecoder(size: 4, seed: seed)
        let search = BeamSearch(width: 400, lengthPower: power, count: 7)
        let found = decoder.beamSearch(
          from: decoder.start(0..<3), after: [Self.start, Self.start, Self.start], rules: rules,
          search: search)
        for sentence in 0..<3 {
          let expected = Self.all(decoder, sentence, rules, search)
          #expect(found[sentence].map(\.tokens) == expected.prefix(7).map(\.tokens))
          for (one, other) in zip(found[sentence], expected) {
            #expect(one.isComplete == other.isComplete)
            #expect(
              abs(one.score - other.score) < 1e-5 && abs(one.logProbability - other.logProbability) < 1e-5)
          }
        }
      }
    }
  }

  @Test("A width of 1 is greedy search", arguments: 1...6)
  func greedy(_ seed: UInt64) {
    for rules in Self.ruleSets {
      for power in [0, 1.0] {
        let decoder = TableDecoder(size: 5, seed: seed)
        let tokens = [Int32](repeating: Self.start, count: 8)
        let greedy = decoder.greedy(from: decoder.start(0..<8), after: tokens, rules: rules)
        let beam = decoder.beamSearch(
          from: decoder.start(0..<8), after: tokens, rules: rules,
          search: BeamSearch(width: 1, lengthPower: power))
        #expect(beam.map { $0[0].tokens } == greedy.map(\.tokens))
        #expect(beam.map { $0[0].logProbabilities } == greedy.map(\.logProbabilities))
        #expect(beam.map { $0[0].isComplete } == greedy.map(\.isComplete))
        // Each symbol is the likeliest that may come.
        for (sentence, hypothesis) in greedy.enumerated() {
          for (place, token) in hypothesis.tokens.enumerated() {
            let before = Array(hypothesis.tokens.prefix(place))
            let next = decoder.logits(sentence, [Self.start] + before)
            let best = next.indices.filter { Self.allows(Int32($0), after: before, rules) }
              .max { next[$0] < next[$1] }
            #expect(best == Int(token))
          }
        }
      }
    }
  }

  @Test("A sentence's hypotheses are the same in any batch", arguments: [2, 3, 5])
  func batches(_ width: Int) {
    let decoder = TableDecoder(size: 7, seed: 3)
    let search = BeamSearch(width: width, lengthPower: 1, count: width)
    let rules = Self.rules(6)
    let together = decoder.beamSearch(
      from: decoder.start(0..<9), after: [Int32](repeating: Self.start, count: 9), rules: rules,
      search: search)
    for sentence in 0..<9 {
      let alone = decoder.beamSearch(
        from: decoder.start(sentence..<sentence + 1), after: [Self.start], rules: rules, search: search)
      #expect(alone[0] == together[sentence])
    }
    #expect(decoder.beamSearch(from: decoder.start(0..<0), after: [], rules: rules, search: search).isEmpty)
    #expect(decoder.greedy(from: decoder.start(0..<0), after: [], rules: rules).isEmpty)
  }

  @Test(
    "The hypotheses are the textbook's: of all with one more symbol the likeliest are kept", arguments: 1...5)
  func textbook(_ seed: UInt64) {
    let decoder = TableDecoder(size: 6, seed: seed), rules = Self.rules(5)
    let search = BeamSearch(width: 3, lengthPower: 0.8, count: 3)
    var live: [(tokens: [Int32], sum: Double)] = [([], 0)]
    var finished: [(tokens: [Int32], score: Double)] = []
    for length in 1...5 {
      let longer = live.flatMap { tokens, sum in
        decoder.logProbabilities(0, [Self.start] + tokens).enumerated().map {
          (tokens: tokens + [Int32($0)], sum: sum + $1)
        }
      }
      live = []
      for next in longer.sorted(by: { $0.sum > $1.sum }).prefix(3) {
        let score = next.sum / pow(Double(next.tokens.count), 0.8)
        if next.tokens.last == Self.end {
          finished.append((next.tokens.dropLast(), score))
        } else if length == 5 {
          finished.append((next.tokens, score))
        } else {
          live.append(next)
        }
      }
    }
    let expected = finished.sorted { $0.score > $1.score }.prefix(3)
    let found = decoder.beamSearch(
      from: decoder.start(0..<1), after: [Self.start], rules: rules, search: search)
    #expect(found[0].map(\.tokens) == expected.map(\.tokens))
    for (one, other) in zip(found[0], expected) { #expect(abs(one.score - other.score) < 1e-5) }
  }

  /// Always the same logits.
  private struct Constant: SequenceDecoder {
    var logits: [Float]
    func step(_ states: Int, tokens: [Int32]) -> (logits: Tensor, states: Int) {
      (Tensor(tokens.flatMap { _ in logits }, shape: [tokens.count, logits.count]), states)
    }
    func select(_ states: Int, rows: [Int32]) -> Int { states }
  }

  @Test("Equal symbols come in the vocabulary's order")
  func ties() {
    let rules = DecodingRules(end: nil, maximumLength: 1)
    let found = Constant(logits: [0, 1, 1, 1]).beamSearch(
      from: 0, after: [0], rules: rules, search: BeamSearch(width: 3, count: 3))
    #expect(found[0].map(\.tokens) == [[1], [2], [3]])
    #expect(Constant(logits: [0, 1, 1, 1]).greedy(from: 0, after: [0], rules: rules)[0].tokens == [1])
  }

  @Test("Where nothing may come, or logits are NaN, a sequence stays as it is")
  func nothing() {
    var rules = DecodingRules(end: 0, maximumLength: 5)
    rules.minimumLength = 5
    rules.noRepeatedNGram = 1
    let decoder = Constant(logits: [0, 1, 2])
    #expect(decoder.greedy(from: 0, after: [0], rules: rules)[0].tokens == [2, 1])
    let found = decoder.beamSearch(from: 0, after: [0], rules: rules, search: BeamSearch(width: 2))
    #expect(found[0][0].tokens == [2, 1] && !found[0][0].isComplete)
    var streams = [RandomStream(seed: 1, name: "x")]
    let drawn = decoder.sample(from: 0, after: [0], rules: rules, streams: &streams)
    #expect(Set(drawn[0].tokens) == [1, 2])
    let broken = Constant(logits: [.nan, .nan, .nan])
    #expect(broken.greedy(from: 0, after: [0], rules: rules)[0] == Hypothesis())
    #expect(
      broken.beamSearch(from: 0, after: [0], rules: rules, search: BeamSearch(width: 2))[0][0].tokens == [])
    #expect(broken.sample(from: 0, after: [0], rules: rules, streams: &streams)[0].tokens == [])
  }

  @Test("Rules and searches that make no sense are named")
  func problems() {
    var rules = Self.rules(3)
    #expect(rules.problem == nil && BeamSearch(width: 1).problem == nil)
    rules.minimumLength = 4
    #expect(rules.problem?.contains("minimum length") == true)
    rules.minimumLength = 0
    rules.noRepeatedNGram = 0
    #expect(rules.problem?.contains("n-gram") == true)
    #expect(Self.rules(0).problem?.contains("maximum length") == true)
    #expect(BeamSearch(width: 0).problem?.contains("width") == true)
    #expect(BeamSearch(width: 1, lengthPower: -1).problem?.contains("power") == true)
    #expect(BeamSearch(width: 1, count: 0).problem?.contains("hypotheses") == true)
  }

  @Test("Drawn symbols follow the sampling and the row's own stream, whatever the batch")
  func sampling() {
    let decoder = TableDecoder(size: 6, seed: 4), rules = Self.rules(5)
    func streams(_ range: Range<Int>) -> [RandomStream] {
      range.map { RandomStream(seed: 9, name: "row", step: UInt64($0)) }
    }
    let sampling = Sampling(temperature: 0.8, topK: 4)
    var all = streams(0..<10)
    let together = decoder.sample(
      from: decoder.start(0..<10), after: [Int32](repeating: Self.start, count: 10), rules: rules,
      sampling: sampling, streams: &all)
    for row in 0..<10 {
      var own = streams(row..<row + 1), numbers = own[0]
      let alone = decoder.sample(
        from: decoder.start(row..<row + 1), after: [Self.start], rules: rules, sampling: sampling,
        streams: &own)
      #expect(alone[0] == together[row] && own[0] == all[row])
      // The same symbol by symbol.
      var tokens: [Int32] = []
      for probability in alone[0].logProbabilities {
        let logits = decoder.logits(row, [Self.start] + tokens)
        let token = sampling.pick(logits, at: Double(numbers.nextLong() >> 11) * 0x1p-53)
        #expect(abs(decoder.logProbabilities(row, [Self.start] + tokens)[token] - probability) < 1e-6)
        tokens.append(Int32(token))
      }
      #expect(tokens == alone[0].tokens + (alone[0].isComplete ? [Self.end] : []))
    }
    #expect(Set(together.map(\.tokens)).count > 3)
    var cold = streams(0..<10)
    let coldest = decoder.sample(
      from: decoder.start(0..<10), after: [Int32](repeating: Self.start, count: 10), rules: rules,
      sampling: Sampling(temperature: 0), streams: &cold)
    let greedy = decoder.greedy(
      from: decoder.start(0..<10), after: [Int32](repeating: Self.start, count: 10), rules: rules)
    #expect(coldest == greedy)
  }
}
