import CellgateBasics
import CellgateFiles

/// METEOR 1.5 for English: how well words of a caption can be matched with those of a reference, as they are, by their stem, as
/// synonyms and as paraphrases, and in how few pieces.
///
///     P = Σ w (δ content + (1 − δ) function) matched in the candidate / (δ content + (1 − δ) function) words of the candidate
///     R = the same of the reference       F = P R / (α P + (1 − α) R)
///     METEOR = (1 − γ (chunks / matched words)^β) F
///
/// with α = 0.85, β = 0.2, γ = 0.6, δ = 0.75 and weights w of 1, 0.6, 0.8 and 0.6. Of several references the one with the highest
/// score counts, and the score of a set is that of the sums of all these counts.
///
/// ```swift
/// let meteor = try Meteor(folder: "site-packages/pycocoevalcap/meteor")
/// let metrics = try CaptionMetrics(candidates: candidates, references: references, meteor: meteor)
/// ```
///
/// Its words come from the user's copy of METEOR, which pycocoevalcap installs: `meteor-1.5.jar`, of which lists and no programs
/// are read, and `data/paraphrase-en.gz`. METEOR is under the LGPL and nothing of it is in Cellgate; what it does beyond its papers
/// was observed. Matches are METEOR's own; where several choices among them are equally good, METEOR may choose another one. On 1,000
/// pictures of Flickr8k 26 had another score, and that of the set differed by 0.0003.
///
/// Source: Denkowski and Lavie 2014, https://aclanthology.org/W14-3348
public struct Meteor: Sendable {
  /// Where METEOR's lists are.
  public let folder: String

  private let functionWords: Set<String>
  private let normalizer: MeteorNormalizer
  private let synsets: [UInt8], exceptions: [UInt8]
  private let paraphraseFile: String

  /// Reads METEOR's lists but for the paraphrases, which are read when captions are scored; throws what is missing.
  public init(folder: String) throws(MeteorError) {
    self.folder = folder
    let base = folder.hasSuffix("/") ? folder : folder + "/"
    let archive: ZipArchive
    do throws(ZipError) {
      archive = try ZipArchive(path: base + "meteor-1.5.jar")
      functionWords = Set(try Self.lines(of: archive, "function/english.words").map(String.init))
      normalizer = MeteorNormalizer(prefixes: try Self.lines(of: archive, "nonbreaking/english.prefixes"))
      synsets = try archive.bytes("synonym/english.synsets")
      exceptions = try archive.bytes("synonym/english.exceptions")
    } catch { throw .jar(error) }
    paraphraseFile = base + "data/paraphrase-en.gz"
    do throws(FileError) { _ = try InputFile(paraphraseFile) } catch { throw .file(error) }
  }

  private static func lines(of archive: ZipArchive, _ name: String) throws(ZipError) -> [Substring] {
    String(decoding: try archive.bytes(name), as: UTF8.self).split(separator: "\n")
  }

  /// The scores of candidates, tokenised texts, against references; throws what is wrong with the table of paraphrases.
  func score(
    _ candidates: [String], references: [[String]]
  ) throws(MeteorError) -> (overall: Double, pictures: [Double]) {
    let statistics = try statistics(candidates, references: references)
    var total = MeteorStatistics()
    for one in statistics { total.add(one) }
    return (total.score, statistics.map(\.score))
  }

  /// The counts of each candidate with its best reference.
  func statistics(
    _ candidates: [String], references: [[String]]
  ) throws(MeteorError) -> [MeteorStatistics] {
    // pycocoevalcap gives METEOR a line of texts with ||| between: it takes the sign out of the candidate alone.
    let own = candidates.map { normalizer.words($0.replacing("|||", with: "")) }
    let others = references.map { texts in
      texts.flatMap { $0.split(separator: "|||", omittingEmptySubsequences: false).map(String.init) }.map {
        normalizer.words($0)
      }
    }
    let matcher = try matcher(own, others)
    return own.indices.map { index in
      var best: MeteorStatistics?
      for reference in others[index] {
        let statistics = matcher.statistics(own[index], reference, functionWords)
        if statistics.score > best?.score ?? -1 { best = statistics }
      }
      return best ?? MeteorStatistics()
    }
  }

  private func matcher(_ own: [[String]], _ others: [[[String]]]) throws(MeteorError) -> MeteorMatcher {
    var words: Set<String> = []
    var phrases: Set<String> = []
    for text in own + others.flatMap({ $0 }) {
      words.formUnion(text)
      for start in text.indices {
        var phrase = ""
        for word in text[start...].prefix(MeteorParaphrases.longest) {
          phrase += phrase.isEmpty ? word : " " + word
          phrases.insert(phrase)
        }
      }
    }
    let table: [UInt8]
    do throws(FileError) { table = try InputFile(paraphraseFile).readAll() } catch { throw .file(error) }
    let paraphrases: MeteorParaphrases
    do throws(GzipError) {
      paraphrases = try MeteorParaphrases(phrases: phrases, table: table, file: paraphraseFile)
    } catch { throw .paraphrases(error) }
    return MeteorMatcher(
      words: words, synonyms: MeteorSynonyms(words: words, synsets: synsets, exceptions: exceptions),
      paraphrases: paraphrases)
  }
}

/// What is wrong with the user's copy of METEOR.
public enum MeteorError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The jar can't be read, or lacks a list.
  case jar(ZipError)
  /// The table of paraphrases is not there.
  case file(FileError)
  /// The table of paraphrases is damaged.
  case paraphrases(GzipError)

  /// One line naming the file and what is wrong.
  public var description: String {
    switch self {
    case .jar(let error): error.description
    case .file(let error): error.description
    case .paraphrases(let error): error.description
    }
  }
}
