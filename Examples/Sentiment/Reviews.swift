import Cellgate
import Foundation

/// Texts with labels: 1 for praise, 0 for blame.
struct Reviews {
  var texts: [String] = []
  var labels = Tensor.zeros([0])

  init(_ pairs: [(label: Float, text: String)]) {
    texts = pairs.map(\.text)
    labels = Tensor(pairs.map(\.label))
  }

  /// The words of each text as numbers, [N, length].
  func numbers(_ words: WordVocabulary, length: Int) -> Tensor {
    Tensor(texts.flatMap { words.encode($0, length: length) }, shape: [texts.count, length])
  }

  /// The reviews of the Large Movie Review Dataset (Maas et al. 2011) in a folder, or else in that of $CELLGATE_DATA, or
  /// where there is none sentences made of a few words.
  static func load(_ folder: String?) throws -> (train: Reviews, test: Reviews) {
    let folder = folder ?? ProcessInfo.processInfo.environment["CELLGATE_DATA"].map { $0 + "/imdb" }
    guard let folder, FileManager.default.fileExists(atPath: folder + "/imdb_train.tsv.gz") else {
      print("No reviews given: sentences made of a few words instead.")
      return (made(2000, seed: 1), made(500, seed: 2))
    }
    return (try read(folder + "/imdb_train.tsv.gz", seed: 1), try read(folder + "/imdb_test.tsv.gz", seed: 2))
  }

  /// Lines of a label, a rating, a number and a text, in an order that is drawn: the files are sorted by label.
  private static func read(_ path: String, seed: UInt64) throws -> Reviews {
    let lines = try TextLines.read(path)
    var stream = RandomStream(seed: seed, name: "order")
    return Reviews(
      stream.permutation(lines.count).compactMap { line in
        let fields = lines[line].split(separator: "\t", maxSplits: 3)
        guard fields.count == 4, let label = Float(fields[0]) else { return nil }
        return (label, fields[3].replacingOccurrences(of: "<br />", with: " "))
      })
  }

  /// Sentences of neutral words with one word that decides.
  private static func made(_ count: Int, seed: UInt64) -> Reviews {
    let neutral = ["the", "film", "plot", "actors", "music", "was", "and", "scene", "a", "long", "we", "saw"]
    let (good, bad) = (["wonderful", "moving", "brilliant"], ["dull", "awful", "tedious"])
    var stream = RandomStream(seed: seed, name: "sentences")
    return Reviews(
      (0..<count).map { sample in
        let label = sample % 2
        var words = (0..<20 + stream.integer(below: 20)).map { _ in
          neutral[stream.integer(below: neutral.count)]
        }
        words.insert(
          (label == 1 ? good : bad)[stream.integer(below: 3)], at: stream.integer(below: words.count))
        return (Float(label), words.joined(separator: " "))
      })
  }
}
