/// Finds the matches of two texts by all modules.
struct MeteorMatcher {
  private let stems: [String: String]
  private let synonyms: MeteorSynonyms
  private let paraphrases: MeteorParaphrases

  /// Takes all words that there are in the texts, and what is known of them.
  init(words: Set<String>, synonyms: MeteorSynonyms, paraphrases: MeteorParaphrases) {
    var stems: [String: String] = [:]
    for word in words { stems[word] = PorterStemmer.stem(word) }
    (self.stems, self.synonyms, self.paraphrases) = (stems, synonyms, paraphrases)
  }

  /// Texts with more pairs of words are long: METEOR itself would take hours for them. Of these only words are matched that are
  /// at most so many places apart, and fewer partial choices are kept.
  static let longPairs = 1_000_000, longWindow = 20, longBeam = 4

  private static func isLong(_ candidate: [String], _ reference: [String]) -> Bool {
    candidate.count * reference.count > longPairs
  }

  /// The matches of all modules; words that are equal are none but exact ones.
  func matches(_ candidate: [String], _ reference: [String]) -> [MeteorMatch] {
    let window = Self.isLong(candidate, reference) ? Self.longWindow : max(candidate.count, reference.count)
    var matches: [MeteorMatch] = []
    for (i, word) in candidate.enumerated() {
      for j in max(0, i - window)..<max(max(0, i - window), min(reference.count, i + window + 1)) {
        let other = reference[j]
        func add(_ module: MeteorModule) {
          matches.append(.init(candidate: i..<i + 1, reference: j..<j + 1, module: module))
        }
        if word == other {
          add(.exact)
        } else {
          if stems[word] == stems[other] { add(.stem) }
          if synonyms.share(word, other) { add(.synonym) }
        }
      }
    }
    var phrases: [String: [Range<Int>]] = [:]
    for (range, phrase) in Self.phrases(of: reference) { phrases[phrase, default: []].append(range) }
    for (range, phrase) in Self.phrases(of: candidate) {
      for other in paraphrases.others(of: phrase) {
        for place in phrases[other] ?? [] where abs(place.lowerBound - range.lowerBound) <= window {
          matches.append(.init(candidate: range, reference: place, module: .paraphrase))
        }
      }
    }
    return matches
  }

  private static func phrases(of text: [String]) -> [(Range<Int>, String)] {
    var phrases: [(Range<Int>, String)] = []
    for start in text.indices {
      var phrase = ""
      for (offset, word) in text[start...].prefix(MeteorParaphrases.longest).enumerated() {
        phrase += phrase.isEmpty ? word : " " + word
        phrases.append((start..<start + offset + 1, phrase))
      }
    }
    return phrases
  }

  /// The alignment of two texts.
  func align(_ candidate: [String], _ reference: [String]) -> [MeteorMatch] {
    MeteorAligner.align(
      matches(candidate, reference), candidateCount: candidate.count, referenceCount: reference.count,
      beam: Self.isLong(candidate, reference) ? Self.longBeam : MeteorAligner.beam)
  }

  /// The counts of two texts.
  func statistics(
    _ candidate: [String], _ reference: [String], _ functionWords: Set<String>
  ) -> MeteorStatistics {
    var statistics = MeteorStatistics()
    statistics.candidateCount = candidate.count
    statistics.referenceCount = reference.count
    statistics.candidateFunctions = candidate.count(where: functionWords.contains)
    statistics.referenceFunctions = reference.count(where: functionWords.contains)
    var before: MeteorMatch?
    for match in align(candidate, reference) {
      let module = match.module.rawValue
      for word in candidate[match.candidate] {
        if functionWords.contains(word) {
          statistics.candidateFunctionMatches[module] += 1
        } else {
          statistics.candidateContentMatches[module] += 1
        }
      }
      for word in reference[match.reference] {
        if functionWords.contains(word) {
          statistics.referenceFunctionMatches[module] += 1
        } else {
          statistics.referenceContentMatches[module] += 1
        }
      }
      statistics.candidateMatched += match.candidate.count
      statistics.referenceMatched += match.reference.count
      if before?.candidate.upperBound != match.candidate.lowerBound
        || before?.reference.upperBound != match.reference.lowerBound
      {
        statistics.chunks += 1
      }
      before = match
    }
    return statistics
  }
}
