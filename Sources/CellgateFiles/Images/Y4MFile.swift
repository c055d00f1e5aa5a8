import CellgateBasics

/// The brightness of the frames of a raw video, as `ffmpeg -i clip.mp4 clip.y4m` writes it.
///
/// ```swift
/// let video = try Y4MFile("clip.y4m")
/// let third = try video.frame(2)        // video.width · video.height numbers of 8 bits, row by row
/// ```
///
/// The header is a line of text, and so is what stands before each frame; what follows are planes of 8-bit numbers, of which the
/// first one, the brightness Y, is read. Numbers are taken as they are: 16 is black and 235 white in most videos. Sizes are
/// checked against the file before memory is taken.
///
/// Source: https://wiki.multimedia.cx/index.php/YUV4MPEG2
public struct Y4MFile: Sendable {
  /// The path, which errors name.
  public let path: String
  /// Pixels of a row, and rows.
  public let width: Int, height: Int
  /// How many frames there are.
  public var count: Int { starts.count }

  private let file: InputFile
  /// Where the planes of each frame begin.
  private let starts: [Int]

  /// The most bytes of the header, and of the line before a frame.
  private static let longestLine = 4096

  /// Opens a file and finds its frames; throws what is wrong with it.
  public init(_ path: String) throws(Y4MError) {
    let file: InputFile
    do throws(FileError) { file = try InputFile(path) } catch { throw .file(error) }
    func damaged(_ reason: String) -> Y4MError { .damaged(file: path, reason: reason) }
    /// The line at a place, without its end, and where the next bytes begin.
    func line(_ place: Int, _ what: String) throws(Y4MError) -> (words: [Substring], end: Int) {
      let bytes: [UInt8]
      do throws(FileError) {
        bytes = try file.read(at: place, count: min(Self.longestLine, file.size - place))
      } catch { throw .file(error) }
      guard let end = bytes.firstIndex(of: 0x0A) else {
        throw damaged(
          "byte \(place): expected \(what) and a line's end, found neither in \(bytes.count) bytes")
      }
      return (String(decoding: bytes[..<end], as: UTF8.self).split(separator: " "), place + end + 1)
    }
    let header = try line(0, "the header YUV4MPEG2")
    guard header.words.first == "YUV4MPEG2" else {
      throw damaged("expected the header YUV4MPEG2, found '\(quotedName(String(header.words.first ?? "")))'")
    }
    var sizes: [Character: Int] = [:]
    var colours = "420"
    for word in header.words.dropFirst() {
      switch word.first {
      case "W", "H":
        guard let size = Int(word.dropFirst()), size > 0 else {
          throw damaged("expected a width and height of 1 or more, found '\(quotedName(String(word)))'")
        }
        sizes[word[word.startIndex]] = size
      case "C": colours = String(word.dropFirst())
      default: break
      }
    }
    guard let width = sizes["W"], let height = sizes["H"] else {
      throw damaged(
        "expected a width W and a height H in the header, found \(sizes.keys.map(String.init).sorted())")
    }
    guard width <= Self.longestSide, height <= Self.longestSide, width * height <= RGBPicture.mostPixels
    else {
      throw damaged("expected at most \(RGBPicture.mostPixels) pixels, found \(width) by \(height)")
    }
    guard let planes = Self.bytes(colours, width, height) else {
      throw .unsupported(file: path, colours: colours)
    }
    var (starts, place): ([Int], Int) = ([], header.end)
    while place < file.size {
      let before = try line(place, "FRAME")
      guard before.words.first == "FRAME" else {
        throw damaged(
          "byte \(place): expected FRAME before frame \(starts.count + 1), found '\(quotedName(String(before.words.first ?? "")))'"
        )
      }
      guard file.size - before.end >= planes else {
        throw damaged(
          "frame \(starts.count + 1): expected \(planes) bytes of \(width) by \(height) pixels, found \(file.size - before.end)"
        )
      }
      starts.append(before.end)
      place = before.end + planes
    }
    (self.path, self.width, self.height, self.file, self.starts) = (path, width, height, file, starts)
  }

  private static let longestSide = 1 << 16

  /// Bytes of a frame's planes; nil for colours that aren't read.
  private static func bytes(_ colours: String, _ width: Int, _ height: Int) -> Int? {
    let (half, halves) = ((width + 1) / 2, (height + 1) / 2)
    return switch colours {
    case "mono": width * height
    case "444": 3 * width * height
    case "422": width * height + 2 * half * height
    case "420", "420jpeg", "420mpeg2", "420paldv": width * height + 2 * half * halves
    default: nil
    }
  }

  /// The brightness of a frame by its number, which is below `count`, row by row from the top.
  public func frame(_ index: Int) throws(Y4MError) -> [UInt8] {
    require(index >= 0 && index < count, "Y4MFile: expected a frame below \(count), found \(index)")
    do throws(FileError) { return try file.read(at: starts[index], count: width * height) } catch {
      throw .file(error)
    }
  }
}
