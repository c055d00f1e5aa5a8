import CellgateBasics

/// The scores of captions of one picture, or of all pictures of a set. BLEU, METEOR and ROUGE-L lie between 0 and 1, CIDEr
/// between 0 and 10.
public struct CaptionScores: Sendable, Equatable {
  /// BLEU-1, 2, 3 and 4.
  public var bleu: [Double]
  /// METEOR; nil where its data were not at hand.
  public var meteor: Double?
  /// ROUGE-L.
  public var rougeL: Double
  /// CIDEr-D, which pycocoevalcap calls CIDEr.
  public var cider: Double
  /// CIDEr without clipping and without the penalty of lengths.
  public var ciderPlain: Double

  /// Every score by its name, in the order in which they are printed.
  public var named: [(name: String, value: Double?)] {
    Array(zip(Self.names, bleu.map { $0 } + [meteor, rougeL, cider, ciderPlain]))
  }

  /// The names of the scores, as pycocoevalcap has them, and `CIDEr_plain`.
  public static let names = [
    "Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr", "CIDEr_plain",
  ]
}

/// What candidates' captions score against references: BLEU, METEOR, ROUGE-L and CIDEr, with pycocoevalcap's numbers.
///
/// ```swift
/// let metrics = try CaptionMetrics(
///   candidates: ["a dog runs on grass"], references: [["A dog runs.", "The dog is running on the grass."]])
/// print(metrics.overall.bleu[3], metrics.pictures[0].cider)
/// ```
///
/// Captions are tokenised by `PTBTokenizer`. The scores of a set are not the means of its pictures' for BLEU and METEOR, which
/// add up counts first. CIDEr weighs words by how many of these pictures have them, so it is 0 for a single picture.
public struct CaptionMetrics: Sendable {
  /// The scores of all pictures together.
  public let overall: CaptionScores
  /// The scores of each picture, in the order given.
  public let pictures: [CaptionScores]

  /// Scores a caption of each picture against its references, one or more for each.
  ///
  /// With `areTokenized` captions are taken as tokens with a space between. METEOR is left out without its data; throws what is
  /// wrong with those.
  public init(
    candidates: [String], references: [[String]], areTokenized: Bool = false, meteor: Meteor? = nil
  ) throws(MeteorError) {
    require(
      candidates.count == references.count && references.allSatisfy { !$0.isEmpty },
      "CaptionMetrics: expected references for each of \(candidates.count) candidates, found \(references.count) lists of which \(references.count(where: \.isEmpty)) are empty"
    )
    var numbers = WordNumbers()
    func prepared(_ captions: [String]) -> [TokenizedCaption] {
      (areTokenized ? captions : PTBTokenizer().tokenize(captions)).map { TokenizedCaption($0, &numbers) }
    }
    let own = prepared(candidates)
    var rest = prepared(references.flatMap { $0 })[...]
    let others = references.map { captions in
      defer { rest = rest.dropFirst(captions.count) }
      return Array(rest.prefix(captions.count))
    }
    let words = others.map { $0.map(\.words) }
    let cider = CIDEr(documents: words)
    let plain = cider.asKind(.plain)
    let meteors = try meteor.map { meteor throws(MeteorError) in
      try meteor.score(own.map(\.text), references: others.map { $0.map(\.text) })
    }
    var total = CaptionBLEU()
    var pictures: [CaptionScores] = []
    for index in own.indices {
      let bleu = CaptionBLEU(own[index].words, references: words[index])
      total.add(bleu)
      pictures.append(
        CaptionScores(
          bleu: bleu.scores, meteor: meteors?.pictures[index],
          rougeL: RougeL.score(own[index].parts, references: others[index].map(\.parts)),
          cider: cider.score(own[index].words, references: words[index]),
          ciderPlain: plain.score(own[index].words, references: words[index])))
    }
    func mean(_ score: (CaptionScores) -> Double) -> Double {
      pictures.isEmpty ? 0 : pictures.reduce(0) { $0 + score($1) } / Double(pictures.count)
    }
    self.pictures = pictures
    overall = CaptionScores(
      bleu: pictures.isEmpty ? [0, 0, 0, 0] : total.scores, meteor: meteors?.overall,
      rougeL: mean(\.rougeL), cider: mean(\.cider), ciderPlain: mean(\.ciderPlain))
  }
}
