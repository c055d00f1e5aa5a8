import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateTraining

/// The files that a sentence encoder learns from.
struct SentenceFiles {
  /// Captions of pictures, or a file of pairs; nil where only `--pairs` are learned.
  var main: String?
  /// Lists of the pictures to train on, to validate and to test.
  var splits: [String] = []
  /// The file of `--pairs`.
  var pairs: String?
  var validation: String?, test: String?

  /// What `--data` or a run's settings say, and the options; without either the captions in the usual folder. Throws `missing` where there are
  /// none.
  init(_ settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    pairs = settings.text(EncoderOptions.pairs)
    (validation, test) = (settings.text(EncoderOptions.validation), settings.text(EncoderOptions.test))
    splits = settings.list(EncoderOptions.splits)?.compactMap(\.text).map(CaptionFiles.list) ?? []
    if let path = data.path, !Paths.isFolder(path) {
      main = path
    } else if data.path == nil, let known = settings.data {
      main = known["pairs"]?.flag == true ? nil : known.path
      if splits.isEmpty { splits = known["splits"]?.list?.compactMap(\.text) ?? [] }
    } else if data.path != nil || pairs == nil {
      let folder = CaptionFiles.folder(data)
      let found = CaptionFiles.found(in: folder)
      guard let captions = found.captions else {
        throw .missing(
          tried: ["\(folder)/dataset_*.json", "\(folder)/*.token.txt"],
          command: "cellgate train encoder --pairs FILE, or --data FILE of captions")
      }
      main = captions
      if splits.isEmpty { splits = found.splits }
    }
  }

  /// All files whose texts are looked at, the first one first.
  private var all: [String] { [main, pairs, validation, test].compactMap { $0 } }

  /// What a run's settings keep of the files.
  func reference() throws(TaskDataError) -> DataReference {
    var digests: [String] = []
    for file in all + splits where file != CaptionSet.restName {
      digests.append(try SHA256.hex(ofTaskFile: file))
    }
    var reference = DataReference(
      path: Paths.absolute(all.first ?? ""),
      sha256: digests.count == 1 ? digests[0] : SHA256.hex(Array(digests.joined(separator: ",").utf8)))
    if main == nil { reference["pairs"] = .flag(true) }
    if !splits.isEmpty {
      reference["splits"] = .list(splits.map { .text($0 == CaptionSet.restName ? $0 : Paths.absolute($0)) })
    }
    return reference
  }

  // MARK: Reading

  /// The groups of texts of each part, and what there is to say of them.
  struct Parts {
    var training: [[String]] = [], validation: [[String]] = [], test: [[String]] = []
    var remarks: [Split: String] = [:]
  }

  /// The groups of a file: pairs of one that is called so, else captions.
  private static func groups(_ file: String) throws(TaskDataError) -> SentenceGroups {
    if isPairs(file) { return try SentenceGroups(pairs: file) }
    do throws(CaptionDataError) {
      return SentenceGroups(try CaptionSet(file).pictures.map(\.captions))
    } catch { throw TaskDataError(error) }
  }

  private static func isPairs(_ file: String) -> Bool {
    let name = (file.hasSuffix(".gz") ? String(file.dropLast(3)) : file).lowercased()
    return name.hasSuffix(".tsv") || name.hasSuffix(".jsonl")
  }

  /// All groups of a file that a model is scored on.
  static func scored(_ file: String) throws(TaskDataError) -> [[String]] {
    let groups = try groups(file).usable
    guard !groups.isEmpty else {
      throw .unfit(file: file, reason: "expected texts that mean the same, found no two")
    }
    return groups
  }

  /// The parts of all files. Throws what is wrong with one, `unfit` where a part would have no group of two texts.
  func read(_ settings: TrainingSettings) throws(TaskDataError) -> Parts {
    var (parts, undivided): (Parts, [[String]]) = (Parts(), [])
    if let main {
      if Self.isPairs(main) {
        undivided += try SentenceGroups(pairs: main).usable
      } else {
        do throws(CaptionDataError) {
          let set = try CaptionSet(main, splits: splits)
          if set.pictures.contains(where: { $0.split != nil }) {
            func part(_ split: CaptionSet.Split) throws(CaptionDataError) -> [[String]] {
              SentenceGroups(try set.usable(split).map { set.pictures[$0].captions }).usable
            }
            (parts.training, parts.validation, parts.test) = (
              try part(.train), try part(.validation), try part(.test)
            )
          } else {
            undivided += SentenceGroups(set.pictures.map(\.captions)).usable
          }
        } catch { throw TaskDataError(error) }
      }
    }
    if let pairs {
      let own = try SentenceGroups(pairs: pairs).usable
      // Where the captions have parts, pairs are trained on beside them.
      if parts.training.isEmpty { undivided += own } else { parts.training += own }
    }
    if let validation { parts.validation = try Self.scored(validation) }
    if let test { parts.test = try Self.scored(test) }
    share(undivided, settings, into: &parts)
    let count = [parts.training.count, parts.validation.count, parts.test.count]
    guard count[0] > 1, count[1] > 0, count[2] > 0 else {
      throw .unfit(
        file: all.first ?? "",
        reason: "expected 4 groups of texts that mean the same or more, or --valid and --test, found "
          + "\(undivided.count)")
    }
    return parts
  }

  /// Groups that no list divides: shares of them are held out where there is no file for a part.
  private func share(_ groups: [[String]], _ settings: TrainingSettings, into parts: inout Parts) {
    guard !groups.isEmpty else { return }
    let percents = (
      parts.validation.isEmpty ? settings.whole(EncoderOptions.validPercent) : 0,
      parts.test.isEmpty ? settings.whole(EncoderOptions.testPercent) : 0
    )
    let held = HeldOut(
      of: groups.count, validation: percents.0, test: percents.1, stream: "encoder/split")
    parts.training += held.training.map { groups[$0] }
    parts.validation += held.validation.map { groups[$0] }
    parts.test += held.test.map { groups[$0] }
    for (split, places) in [(Split.validation, held.validation), (.test, held.test)] where !places.isEmpty {
      let name = split == .test ? EncoderOptions.test.name : EncoderOptions.validation.name
      parts.remarks[split] = "\(places.count) of \(groups.count) groups, held out for want of --\(name)"
    }
  }
}
