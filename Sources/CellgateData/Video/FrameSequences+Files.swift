import CellgateBasics
import CellgateFiles

extension FrameSequences {
  /// Frames of pictures and raw videos: a Y4M file, a folder of PNG or JPEG frames in the natural order of their names, or a folder of
  /// such folders and files, each a sequence. Of pictures the brightness counts. Throws what is wrong with them, also
  /// where frames are of several sizes.
  package init(files path: String) throws(TaskDataError) {
    var reader = FrameReader()
    if Paths.isFolder(path) {
      try reader.read(folder: path, name: "", depth: 0)
    } else {
      try reader.read(video: path)
    }
    guard let size = reader.size else {
      throw .unfit(file: path, reason: "expected PNG or JPEG frames, or Y4M files, found none")
    }
    self.init(
      height: size.height, width: size.width, channels: 1, sequences: reader.sequences,
      numbers: .bytes(reader.bytes, white: 255))
  }

  /// Frames of a file or folder of any of the kinds that are read.
  package init(path: String, axes: Axes?) throws(TaskDataError) {
    if Paths.isFolder(path) || FrameReader.isVideo(path) {
      try self.init(files: path)
    } else {
      try self.init(array: path, axes: axes)
    }
  }

  /// What a file or folder of frames is known by: the digest of all that is read of it.
  package static func digest(_ path: String) throws(TaskDataError) -> String {
    do throws(FileError) {
      guard Paths.isFolder(path) else { return try SHA256.hex(ofFile: path) }
      var lines: [String] = []
      for file in try FrameReader.files(path) {
        lines.append("\(file)\t\(try SHA256.hex(ofFile: path + "/" + file))")
      }
      return SHA256.hex(Array(lines.joined(separator: "\n").utf8))
    } catch { throw .file(error) }
  }
}

/// Reads frames one file after another.
private struct FrameReader {
  private(set) var size: (height: Int, width: Int)?
  private(set) var sequences: [FrameSequences.Sequence] = []
  private(set) var bytes: [UInt8] = []
  private var frames = 0

  private static let deepest = 16

  static func isVideo(_ path: String) -> Bool { path.lowercased().hasSuffix(".y4m") }

  private static func isPicture(_ name: String) -> Bool {
    [".png", ".jpg", ".jpeg"].contains { name.lowercased().hasSuffix($0) }
  }

  /// What stands in a folder, in the natural order of the names.
  private static func names(_ folder: String) throws(FileError) -> [String] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw .cannotOpen(file: folder, reason: "the folder can't be read")
    }
    return names.filter { !$0.hasPrefix(".") }.sorted(by: naturallyPrecedes)
  }

  /// The files of a folder that are read, by their paths in it.
  static func files(_ folder: String, depth: Int = 0) throws(FileError) -> [String] {
    var files: [String] = []
    for name in try names(folder) {
      if Paths.isFolder(folder + "/" + name) {
        guard depth < deepest else { continue }
        files += try Self.files(folder + "/" + name, depth: depth + 1).map { name + "/" + $0 }
      } else if isPicture(name) || isVideo(name) {
        files.append(name)
      }
    }
    return files
  }

  mutating func read(folder: String, name: String, depth: Int) throws(TaskDataError) {
    let names: [String]
    do throws(FileError) { names = try Self.names(folder) } catch { throw .file(error) }
    let first = frames
    for own in names where Self.isPicture(own) { try read(picture: folder + "/" + own) }
    if frames > first {
      sequences.append(.init(name: name.isEmpty ? folder : name, first: first, steps: frames - first))
    }
    for own in names where !Self.isPicture(own) {
      let path = folder + "/" + own
      if Paths.isFolder(path) {
        if depth < Self.deepest {
          try read(folder: path, name: name.isEmpty ? own : name + "/" + own, depth: depth + 1)
        }
      } else if Self.isVideo(own) {
        try read(video: path)
      }
    }
  }

  private mutating func read(picture path: String) throws(TaskDataError) {
    let picture: RGBPicture
    do throws(PictureError) { picture = try RGBPicture(contentsOf: path) } catch { throw .picture(error) }
    try check(picture.height, picture.width, path)
    for pixel in 0..<picture.width * picture.height {
      // ITU-R BT.601, in whole numbers as Pillow's convert("L") takes it.
      let sum = 19595 * Int(picture.bytes[3 * pixel]) + 38470 * Int(picture.bytes[3 * pixel + 1])
      bytes.append(UInt8((sum + 7471 * Int(picture.bytes[3 * pixel + 2]) + 0x8000) >> 16))
    }
    frames += 1
  }

  mutating func read(video path: String) throws(TaskDataError) {
    let video: Y4MFile
    do throws(Y4MError) { video = try Y4MFile(path) } catch { throw .video(error) }
    if video.count == 0 { return }
    try check(video.height, video.width, path)
    do throws(Y4MError) {
      for frame in 0..<video.count { bytes += try video.frame(frame) }
    } catch { throw .video(error) }
    sequences.append(.init(name: path, first: frames, steps: video.count))
    frames += video.count
  }

  private mutating func check(_ height: Int, _ width: Int, _ path: String) throws(TaskDataError) {
    if let size, size != (height, width) {
      throw .unfit(
        file: path,
        reason:
          "expected \(size.width) by \(size.height) pixels as in the frames before, found \(width) by \(height)"
      )
    }
    size = (height, width)
  }
}
