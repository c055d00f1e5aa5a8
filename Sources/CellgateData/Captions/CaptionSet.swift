import CellgateFiles

/// Pictures with their captions, as captioning data sets have them.
///
/// ```swift
/// let set = try CaptionSet("dataset_flickr8k.json")
/// let set = try CaptionSet("Flickr8k.token.txt", splits: ["trainImages.txt", "devImages.txt", "testImages.txt"])
/// for index in set.indices(of: .train) { print(set.pictures[index].name, set.pictures[index].captions) }
/// ```
///
/// The kind of a file is known by its content: Karpathy's `dataset_*.json`, a COCO annotation file, results as COCO's evaluation
/// takes them, JSON Lines of such results, Flickr's token files. Each may be gzipped.
public struct CaptionSet: Sendable, Equatable {
  /// The part of a data set that a picture belongs to.
  public enum Split: String, Sendable, CaseIterable {
    /// Pictures that a model learns from.
    case train
    /// Karpathy's: pictures of COCO's validation part that count as training pictures.
    case restval
    /// Pictures on which settings are chosen.
    case validation = "val"
    /// Pictures that a model is scored on.
    case test
  }

  /// A picture and what is said of it.
  public struct Picture: Sendable, Equatable {
    /// What results call the picture: COCO's number, or the name of its file.
    public let id: String
    /// The name of the picture's file; nil where the captions' file has none.
    public let name: String?
    /// The part that it belongs to; nil for none.
    public var split: Split?
    /// The captions as they were written; none where the file has the picture alone.
    public var captions: [String]

    /// A picture.
    public init(id: String, name: String? = nil, split: Split? = nil, captions: [String]) {
      (self.id, self.name, self.split, self.captions) = (id, name, split, captions)
    }

    /// What other files may call the picture: its id, its file's name, and this one without its ending.
    public var names: [String] {
      var names = [id]
      for name in [name ?? id] {
        let file = name.split(separator: "/").last.map(String.init) ?? name
        for candidate in [name, file, CaptionSet.withoutEnding(file)] where !names.contains(candidate) {
          names.append(candidate)
        }
      }
      return names
    }
  }

  /// The captions' file, for errors.
  public let file: String
  /// The pictures, in the order of the file.
  public private(set) var pictures: [Picture]

  /// A set of pictures, each with an id of its own; throws `duplicatePicture`.
  public init(file: String, pictures: [Picture]) throws(CaptionDataError) {
    var seen: Set<String> = []
    for picture in pictures where !seen.insert(picture.id).inserted {
      throw .duplicatePicture(file: file, id: picture.id)
    }
    (self.file, self.pictures) = (file, pictures)
  }

  /// The places of the pictures of a part; those of `train` are Karpathy's `restval` too.
  public func indices(of split: Split) -> [Int] {
    pictures.indices.filter {
      pictures[$0].split == split || (split == .train && pictures[$0].split == .restval)
    }
  }

  /// The places of the pictures of a part, each of which must have a caption; throws `emptySplit` or `noCaptions`.
  public func usable(_ split: Split) throws(CaptionDataError) -> [Int] {
    let indices = indices(of: split)
    guard !indices.isEmpty else { throw .emptySplit(file: file, split: split.rawValue) }
    let silent = indices.filter { pictures[$0].captions.isEmpty }
    guard silent.isEmpty else { throw .noCaptions(file: file, ids: silent.map { pictures[$0].id }) }
    return indices
  }

  /// A name without what follows its last dot.
  static func withoutEnding(_ name: String) -> String {
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return name }
    return String(name[..<dot])
  }
}

extension CaptionSet {
  /// The list that stands for all pictures of no other list.
  public static let restName = "rest"

  /// Puts each picture into the part of the list that names it, and those of no list into none.
  ///
  /// A list has a picture a line: its id, its file's name or path, or several of them with spaces between. One of the three may be
  /// `rest`, which stands for the pictures of neither other. Throws `splitLists`, `unknownPicture`, `inTwoSplits`, or what is wrong
  /// with a file.
  public mutating func split(by lists: [String]) throws(CaptionDataError) {
    let splits: [Split] = [.train, .validation, .test]
    guard lists.count == splits.count, lists.count(where: { $0 == Self.restName }) <= 1 else {
      throw .splitLists(found: lists)
    }
    var index: [String: Int] = [:]
    for (place, picture) in pictures.enumerated() {
      for name in picture.names where index[name] == nil { index[name] = place }
    }
    let rest = zip(lists, splits).first { $0.0 == Self.restName }?.1
    var found = [Split?](repeating: nil, count: pictures.count)
    for (list, split) in zip(lists, splits) where list != Self.restName {
      let lines: [String]
      do throws(TaskDataError) { lines = try TextLines.read(list) } catch { throw .text(error) }
      for (number, line) in lines.enumerated() {
        let fields = line.split(whereSeparator: \.isWhitespace).map(String.init)
        guard !fields.isEmpty else { continue }
        let name = line.drop(while: \.isWhitespace)
        let candidates =
          [String(name)] + fields.flatMap { [$0, $0.split(separator: "/").last.map(String.init) ?? $0] }
        guard let place = candidates.lazy.compactMap({ index[$0] }).first else {
          throw .unknownPicture(file: list, line: number + 1, name: fields[0], captions: file)
        }
        if let other = found[place], other != split {
          throw .inTwoSplits(file: list, line: number + 1, id: pictures[place].id, other: other.rawValue)
        }
        found[place] = split
      }
    }
    for place in pictures.indices { pictures[place].split = found[place] ?? rest }
  }
}
