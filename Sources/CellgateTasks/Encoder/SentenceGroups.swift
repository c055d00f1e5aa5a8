import CellgateBasics
import CellgateData
import CellgateFiles

/// Groups of texts that mean the same, such as the captions of a picture.
struct SentenceGroups: Equatable {
  /// The texts of each group, all different.
  var groups: [[String]]

  /// The groups of two texts or more.
  var usable: [[String]] { groups.filter { $0.count > 1 } }

  /// Groups as they are given, each text of a group once, without empty ones.
  init(_ groups: [[String]]) {
    self.groups = groups.map(Self.distinct).filter { !$0.isEmpty }
  }

  private static func distinct(_ texts: [String]) -> [String] {
    var seen: Set<String> = []
    return texts.filter { text in
      text.contains { !$0.isWhitespace } && seen.insert(text).inserted
    }
  }

  /// Groups that share a text become one.
  init(joining lines: [[String]]) {
    var places: [String: Int] = [:]
    var parents = Array(lines.indices)
    func root(_ place: Int) -> Int {
      var place = place
      while parents[place] != place {
        parents[place] = parents[parents[place]]
        place = parents[place]
      }
      return place
    }
    for (line, texts) in lines.enumerated() {
      for text in texts where text.contains(where: { !$0.isWhitespace }) {
        guard let other = places[text] else {
          places[text] = line
          continue
        }
        let (one, two) = (root(line), root(other))
        parents[max(one, two)] = min(one, two)
      }
    }
    var groups: [Int: [String]] = [:]
    for (line, texts) in lines.enumerated() { groups[root(line), default: []] += texts }
    self.init(groups.sorted { $0.key < $1.key }.map(\.value))
  }

  /// The pairs of a file: on each line two or more texts with tabs between, or JSON, a list of texts or an object whose values are texts;
  /// gzipped or not. Throws what is wrong with the file, `unfit` for a line with fewer texts.
  init(pairs file: String) throws(TaskDataError) {
    var lines: [[String]] = []
    for (place, line) in try TextLines.read(file).enumerated() {
      let texts: [String]
      if line.first == "{" || line.first == "[" {
        texts = try Self.json(line, file: file, line: place + 1)
      } else {
        texts = line.split(separator: "\t").map { $0.trimmed }
      }
      let own = Self.distinct(texts)
      if own.isEmpty, line.trimmed.isEmpty { continue }
      guard texts.count >= 2 else {
        throw .unfit(
          file: file,
          reason:
            "line \(place + 1): expected two texts or more with tabs between, or as JSON, found \(texts.count)"
        )
      }
      lines.append(own)
    }
    self.init(joining: lines)
  }

  private static func json(_ line: String, file: String, line place: Int) throws(TaskDataError) -> [String] {
    let tree: JSONTree
    do throws(JSONError) { tree = try JSONTree(data: Array(line.utf8), file: file) } catch {
      throw .unfit(file: file, reason: "line \(place): expected JSON, found '\(quotedName(line))'")
    }
    return (tree.array ?? tree.object?.map(\.value) ?? []).compactMap(\.string)
  }
}
