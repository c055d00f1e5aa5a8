import CellgateBasics
import CellgateTensor

extension SequenceDecoder {
  /// The sequences that go on with the likeliest symbol at each step, of equal ones the first of the vocabulary.
  ///
  /// - Parameters:
  ///   - states: what is known of each of N rows.
  ///   - tokens: the last symbol of each row, such as that which begins a sequence.
  ///   - rules: what the sequences must look like.
  /// - Returns: a hypothesis for each row; one after which nothing may come, or whose logits are NaN, stays as it is.
  public func greedy(
    from states: States, after tokens: [Int32], rules: DecodingRules
  ) -> [Hypothesis] {
    singly(from: states, after: tokens, rules) { logits, _, excluded in
      LikelyTokens.best(logits, count: 1, forbidden: rules.forbidden) { excluded[$0] }.map(\.first)
    }
  }

  /// Sequences whose symbols are drawn; see ``Sampling``. The `logProbabilities` are those of the model, at a temperature of
  /// 1 and without cuts.
  ///
  /// Row n draws from `streams[n]` alone, one number (64 bits) for each symbol, and so is the same in any batch.
  public func sample(
    from states: States, after tokens: [Int32], rules: DecodingRules, sampling: Sampling = Sampling(),
    streams: inout [RandomStream]
  ) -> [Hypothesis] {
    require(
      streams.count == tokens.count,
      "sample: expected a random stream for each of \(tokens.count) rows, found \(streams.count)")
    return singly(from: states, after: tokens, rules) { logits, rows, excluded in
      let numbers = rows.map { Double(streams[$0].nextLong() >> 11) * 0x1p-53 }
      let width = logits.shape[1]
      var result = [LikelyToken?](repeating: nil, count: rows.count)
      let x = unsafe logits.pointer
      unsafe result.withUnsafeMutableBufferPointer { result in
        nonisolated(unsafe) let result = unsafe result
        LikelyTokens.forEachRow(logits) { row, logarithm in
          let own = unsafe Array(UnsafeBufferPointer(start: x + row * width, count: width))
          var allowed = own
          for token in rules.forbidden where token >= 0 && token < width { allowed[Int(token)] = -.infinity }
          for token in excluded[row] where token >= 0 && token < width { allowed[Int(token)] = -.infinity }
          guard allowed.contains(where: { $0 > -.infinity }) else { return }
          let token = sampling.pick(allowed, at: numbers[row])
          unsafe result[row] = LikelyToken(
            token: Int32(token), logProbability: Double(own[token]) - logarithm)
        }
      }
      return result
    }
  }

  /// Sequences that go on with one symbol at each step, which `choose` names for rows of logits: their numbers, and what may
  /// not come; nil where nothing may.
  private func singly(
    from states: States, after tokens: [Int32], _ rules: DecodingRules,
    _ choose: (_ logits: Tensor, _ rows: [Int], _ excluded: [[Int32]]) -> [LikelyToken?]
  ) -> [Hypothesis] {
    require(rules.problem == nil, "decoding: \(rules.problem ?? "")")
    var hypotheses = tokens.map { _ in Hypothesis() }
    withoutGradient {
      var (states, tokens, rows) = (states, tokens, Array(tokens.indices))
      for length in 1...rules.maximumLength where !rows.isEmpty {
        let (logits, after) = step(states, tokens: tokens)
        require(
          logits.rank == 2 && logits.shape[0] == rows.count,
          "decoding: expected logits [\(rows.count), V], found \(logits.shape)")
        let chosen = choose(logits, rows, rows.map { rules.excluded(after: hypotheses[$0].tokens) })
        var kept: [Int] = []
        for (place, token) in chosen.enumerated() {
          guard let token else { continue }
          let row = rows[place]
          hypotheses[row].logProbabilities.append(token.logProbability)
          if token.token == rules.end {
            hypotheses[row].isComplete = true
          } else {
            hypotheses[row].tokens.append(token.token)
            if length < rules.maximumLength { kept.append(place) }
          }
        }
        tokens = kept.compactMap { chosen[$0]?.token }
        states = kept.count == rows.count ? after : select(after, rows: kept.map { Int32($0) })
        rows = kept.map { rows[$0] }
      }
    }
    for index in hypotheses.indices { hypotheses[index].score = hypotheses[index].logProbability }
    return hypotheses
  }
}
