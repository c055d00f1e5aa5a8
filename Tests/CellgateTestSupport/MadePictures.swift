import CellgateFiles

/// A small data set of captions made by rule: pictures of a ball or a box in one of three colours on one of two grounds.
package struct MadePictures {
  /// The folder with `dataset_made.json`, `pool.npy` and `region.npy`.
  package let scratch: Scratch
  /// The captions' file.
  package var captions: String { scratch.file("dataset_made.json") }
  /// Features [24, 8].
  package var pooled: String { scratch.file("pool.npy") }
  /// Features [24, 4, 6].
  package var regions: String { scratch.file("region.npy") }

  /// Writes the files: twelve kinds of pictures, two of each; the second of every third kind validates, that of the kind after is
  /// for the test.
  package init() throws {
    scratch = try Scratch()
    let colours = ["red", "green", "blue"], things = ["ball", "box"], grounds = ["grass", "sand"]
    var images: [String] = []
    var (pooled, regions): ([Float], [Float]) = ([], [])
    for copy in 0..<2 {
      for kind in 0..<12 {
        let (c, t, g) = (kind % 3, kind / 3 % 2, kind / 6)
        let split = copy == 0 || kind % 3 == 2 ? "train" : kind % 3 == 0 ? "val" : "test"
        let texts = [
          "a \(colours[c]) \(things[t]) on the \(grounds[g]).", "The \(things[t]) is \(colours[c]).",
        ]
        let sentences = texts.map { "{\"raw\": \"\($0)\", \"tokens\": []}" }.joined(separator: ", ")
        images.append(
          "{\"filename\": \"\(copy)-\(kind).jpg\", \"imgid\": \(images.count), \"split\": \"\(split)\", \"sentences\": [\(sentences)]}"
        )
        let noise = Float(copy) * 0.1
        pooled += (0..<8).map { $0 == c || $0 == 3 + t || $0 == 5 + g ? 2 - noise : noise }
        for place in 0..<4 {
          regions += (0..<6).map { channel in
            place == 0 && channel == c || place == 1 && channel == 3 + t || place == 2 && channel == 5 - g
              ? 2 - noise : noise
          }
        }
      }
    }
    let text = "{\"dataset\": \"made\", \"images\": [\(images.joined(separator: ",\n"))]}\n"
    try scratch.write(Array(text.utf8), as: "dataset_made.json")
    try NumpyArray(shape: [24, 8], floats: pooled).write(to: scratch.file("pool.npy"))
    try NumpyArray(shape: [24, 4, 6], floats: regions).write(to: scratch.file("region.npy"))
  }
}
