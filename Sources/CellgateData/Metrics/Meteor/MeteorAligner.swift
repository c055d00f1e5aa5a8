/// The modules of METEOR, in the order in which a match is looked for.
enum MeteorModule: Int, CaseIterable, Sendable {
  case exact, stem, synonym, paraphrase

  /// What a match of the module counts.
  var weight: Double {
    switch self {
    case .exact: 1
    case .stem: 0.6
    case .synonym: 0.8
    case .paraphrase: 0.6
    }
  }
}

/// A match of words of a candidate with words of a reference.
struct MeteorMatch: Sendable, Equatable {
  let candidate: Range<Int>
  let reference: Range<Int>
  let module: MeteorModule

  /// What the match counts in the choice among matches: the words of either text times the module's weight, rounded down. A stem
  /// and a synonym count nothing, and so are matched only where they make no chunk more, or can be matched in one way alone.
  var value: Int {
    Int(Double(candidate.count) * module.weight) + Int(Double(reference.count) * module.weight)
  }
}

/// Chooses matches so that no word is matched twice: those of the highest value, and of these the ones in the fewest chunks.
///
/// The search goes along the reference and keeps the best partial choices, as METEOR does; so where there are more of them than
/// are kept the choice need not be the best. A match whose words can't be matched in another way is always chosen.
///
/// This was found by observing METEOR, which of choices that are equal in both does not always choose the same.
struct MeteorAligner {
  /// How many partial choices are kept.
  static let beam = 40

  /// A partial choice.
  private struct Path {
    /// The words of the candidate that are matched, a bit for each.
    var used: [UInt64]
    /// The first word of the reference that is not decided.
    var place = 0
    /// Where the chunk ends in the candidate that is still open; nil for none.
    var open: Int?
    /// The value of the matches, and the chunks that have ended.
    var value = 0, chunks = 0
    /// The last match, in `links`.
    var last = -1

    func isFree(_ range: Range<Int>) -> Bool { !range.contains { used[$0 >> 6] >> UInt64($0 & 63) & 1 == 1 } }
  }

  private let beam: Int
  private var links: [(match: MeteorMatch, before: Int)] = []

  private init(beam: Int) { self.beam = beam }

  /// The choice among matches, in the order of the reference's words.
  static func align(
    _ matches: [MeteorMatch], candidateCount: Int, referenceCount: Int, beam: Int = beam
  ) -> [MeteorMatch] {
    guard !matches.isEmpty else { return [] }
    var starts = [[MeteorMatch]](repeating: [], count: referenceCount)
    var uses = (
      candidate: [Int](repeating: 0, count: candidateCount),
      reference: [Int](repeating: 0, count: referenceCount)
    )
    for match in matches {
      starts[match.reference.lowerBound].append(match)
      for word in match.candidate { uses.candidate[word] += 1 }
      for word in match.reference { uses.reference[word] += 1 }
    }
    let isFixed = starts.map { own in
      own.count == 1 && own[0].candidate.allSatisfy { uses.candidate[$0] == 1 }
        && own[0].reference.allSatisfy { uses.reference[$0] == 1 }
    }
    var aligner = MeteorAligner(beam: beam)
    return aligner.search(starts, isFixed, candidateCount: candidateCount)
  }

  private mutating func search(
    _ starts: [[MeteorMatch]], _ isFixed: [Bool], candidateCount: Int
  ) -> [MeteorMatch] {
    var paths = [Path(used: [UInt64](repeating: 0, count: candidateCount / 64 + 1))]
    for place in starts.indices {
      let ordered = starts[place].enumerated().sorted {
        ($0.element.module.rawValue, $0.element.candidate.lowerBound, $0.offset)
          < ($1.element.module.rawValue, $1.element.candidate.lowerBound, $1.offset)
      }
      var next: [Path] = []
      for path in kept(paths) {
        if path.place > place {
          next.append(path)
          continue
        }
        for (_, match) in ordered where path.isFree(match.candidate) { next.append(adding(match, to: path)) }
        if isFixed[place] { continue }
        var skipped = path
        skipped.place = place + 1
        if path.open != nil { skipped.chunks += 1 }
        skipped.open = nil
        next.append(skipped)
      }
      paths = next
    }
    var best: (path: Path, chunks: Int)?
    for path in kept(paths) {
      let chunks = path.chunks + (path.open == nil ? 0 : 1)
      guard let other = best else {
        best = (path, chunks)
        continue
      }
      if (-path.value, chunks) < (-other.path.value, other.chunks) { best = (path, chunks) }
    }
    var chosen: [MeteorMatch] = []
    var link = best?.path.last ?? -1
    while link >= 0 {
      chosen.append(links[link].match)
      link = links[link].before
    }
    return chosen.reversed()
  }

  /// The paths by their value, equal ones in the order in which they were found; where there are too many the best alone, which
  /// have fewer chunks among equal values.
  private func kept(_ paths: [Path]) -> [Path] {
    let byValue = paths.indices.sorted { (-paths[$0].value, $0) < (-paths[$1].value, $1) }
    guard paths.count > beam else { return byValue.map { paths[$0] } }
    let best = byValue.enumerated().sorted {
      let (first, second) = (paths[$0.element], paths[$1.element])
      return (-first.value, first.chunks, $0.offset) < (-second.value, second.chunks, $1.offset)
    }
    return best.prefix(beam).map { paths[$0.element] }
  }

  private mutating func adding(_ match: MeteorMatch, to path: Path) -> Path {
    var path = path
    for word in match.candidate { path.used[word >> 6] |= 1 << UInt64(word & 63) }
    if let open = path.open, open != match.candidate.lowerBound { path.chunks += 1 }
    path.open = match.candidate.upperBound
    path.place = match.reference.upperBound
    path.value += match.value
    links.append((match, path.last))
    path.last = links.count - 1
    return path
  }
}
