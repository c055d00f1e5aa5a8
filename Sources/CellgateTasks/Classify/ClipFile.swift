import CellgateBasics
import CellgateData
import CellgateFiles

/// A sequence of frames to be classified: a folder of pictures, a Y4M file, or a file of arrays with numbers for each frame, such as
/// those of `cellgate features`.
struct ClipFile {
  private let path: String

  init(_ path: String) { self.path = path }

  /// Whether a path is that of one, by its name or by what lies in the folder.
  static func isOne(_ path: String) -> Bool {
    if Paths.isFolder(path) {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
      return names.contains { name in [".png", ".jpg", ".jpeg"].contains { name.lowercased().hasSuffix($0) } }
    }
    return path.lowercased().hasSuffix(".y4m") || hasArrays(path)
  }

  private static func hasArrays(_ path: String) -> Bool {
    [".npy", ".npy.gz", ".npz", ".safetensors"].contains { path.lowercased().hasSuffix($0) }
  }

  /// The numbers of its frames, one frame after another, and how many a frame has: of pictures and video the brightness of each pixel
  /// from 0 to 1. Throws what is wrong with it.
  func frames() throws(TaskDataError) -> (numbers: [Float], width: Int) {
    if Self.hasArrays(path) { return try ArrayRows(path).clip() }
    let frames = try FrameSequences(path: path, axes: nil)
    var numbers: [Float] = []
    for sequence in frames.sequences {
      for step in 0..<sequence.steps { numbers += frames.frame(step, of: sequence) }
    }
    return (numbers, frames.frameSize)
  }
}
