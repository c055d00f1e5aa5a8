import CellgateBasics
import CellgateCharts
import CellgateFiles

/// Pictures in a folder, for pages that show them: JPEG and PNG files as they are, of 1 MB at most.
struct Thumbnails {
  private static let mostBytes = 1 << 20
  private let path: String

  /// The folder at a path.
  init(_ path: String) { self.path = path }

  /// The picture of a name, with or without its ending, 160 pixels high; nothing where there is no such file.
  func thumbnail(_ name: String) -> HTML {
    // A name from a data set is no way out of the folder.
    guard !name.contains("/"), !name.hasPrefix(".") else { return .empty }
    for ending in ["", ".jpg", ".jpeg", ".png"] {
      let file = path + "/" + name + ending
      guard let input = try? InputFile(file), input.size <= Self.mostBytes,
        let bytes = try? input.readAll(), let type = Self.type(of: bytes)
      else { continue }
      return .tag(
        "img",
        [
          "class": "thumbnail", "src": "data:image/\(type);base64," + Data(bytes).base64EncodedString(),
          "height": "160", "alt": name,
        ])
    }
    return .empty
  }

  /// By its first bytes: a page shows no other file that lies there.
  private static func type(of bytes: [UInt8]) -> String? {
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return "jpeg" }
    return bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) ? "png" : nil
  }
}
