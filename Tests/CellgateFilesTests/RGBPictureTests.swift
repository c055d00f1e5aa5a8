import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

/// Whether JPEG pictures can be read here.
private let hasJPEG = (try? JPEGPicture.library.get()) != nil

/// Files that `Pictures/make_pictures.py` made, and what Pillow reads from them.
@Suite("Pictures")
struct RGBPictureTests {
  struct Sample: Decodable, Sendable, CustomTestStringConvertible {
    var name: String, file: Data, width: Int, height: Int, pixels: Data
    var testDescription: String { name }
    var isJPEG: Bool { name.hasPrefix("jpeg") }
    var bytes: [UInt8] { Array(file) }

    private struct All: Decodable { var pictures: [Sample] }

    static let all: [Sample] = {
      let file = Bundle.module.resourceURL?.appendingPathComponent("Pictures/pictures.json")
      guard let file, let data = try? Data(contentsOf: file) else { return [] }
      return (try? JSONDecoder().decode(All.self, from: data))?.pictures ?? []
    }()

    static func named(_ name: String) throws -> Sample { try #require(all.first { $0.name == name }) }
  }

  @Test("There are samples")
  func thereAreSamples() { #expect(Sample.all.count == 40) }

  @Test("A PNG file's pixels are Pillow's", arguments: Sample.all.filter { !$0.isJPEG })
  func png(_ sample: Sample) throws {
    let picture = try RGBPicture(sample.bytes, file: sample.name)
    #expect(picture.width == sample.width && picture.height == sample.height)
    #expect(picture.bytes == Array(sample.pixels))
  }

  /// Versions of libjpeg-turbo may round differently.
  @Test(
    "A JPEG file's pixels are Pillow's to 2 levels", .enabled(if: hasJPEG, "libturbojpeg is not here"),
    arguments: Sample.all.filter(\.isJPEG))
  func jpeg(_ sample: Sample) throws {
    let picture = try RGBPicture(sample.bytes, file: sample.name)
    #expect(picture.width == sample.width && picture.height == sample.height)
    let distance = zip(picture.bytes, sample.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 0
    #expect(picture.bytes.count == sample.pixels.count && distance <= 2, "\(distance)")
  }

  @Test("Without the library a JPEG file is refused in one line that says how to get it")
  func noLibrary() {
    let missing = TurboJPEG.load(["libturbojpeg-not-here.so.0"])
    do throws(PictureError) {
      _ = try JPEGPicture.decode([0xFF, 0xD8, 0xFF], file: "a.jpg", library: missing)
      Issue.record("expected an error")
    } catch {
      guard case .noJPEGLibrary(let file, let reason) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(file == "a.jpg" && reason.contains("libturbojpeg-not-here.so.0"))
      #expect(error.description.contains("apt-get install") && !error.description.contains("\n"))
    }
  }

  @Test(
    "A JPEG file that ends early or has other bytes in it is refused or read, never more",
    .enabled(if: hasJPEG, "libturbojpeg is not here"))
  func damagedJPEG() throws {
    let bytes = try Sample.named("jpeg-420").bytes
    for count in stride(from: 4, to: bytes.count - 2, by: 7) {
      #expect(throws: PictureError.self, "\(count) bytes") {
        try RGBPicture(Array(bytes.prefix(count)), file: "cut.jpg")
      }
    }
    try changeBytes(bytes)
  }

  @Test(
    "A PNG file that ends early is refused", arguments: ["png-2-8", "png-3-4-interlaced", "png-by-pillow"])
  func shortened(_ name: String) throws {
    let bytes = try Sample.named(name).bytes
    for count in 0..<bytes.count {
      #expect(throws: PictureError.self, "\(count) bytes") {
        try RGBPicture(Array(bytes.prefix(count)), file: "cut.png")
      }
    }
  }

  @Test(
    "A PNG file with other bytes is refused or read, never more",
    arguments: ["png-6-16", "png-3-2-interlaced"])
  func changed(_ name: String) throws { try changeBytes(try Sample.named(name).bytes) }

  /// Every byte changed in turn, with the checksums as they were and made right again.
  private func changeBytes(_ bytes: [UInt8]) throws {
    for place in bytes.indices {
      for change in [0x01, 0x80, 0xFF] as [UInt8] {
        var changed = bytes
        changed[place] ^= change
        for file in [changed, PNGFile.repaired(changed)] {
          do throws(PictureError) {
            let picture = try RGBPicture(file, file: "changed")
            #expect(picture.bytes.count == 3 * picture.width * picture.height)
          } catch {
            #expect(!error.description.contains("\n"))
          }
        }
      }
    }
  }

  @Test("A wrong checksum is named with its chunk")
  func checksum() throws {
    var bytes = try Sample.named("png-2-8").bytes
    bytes[20] ^= 1
    #expect(
      throws: PictureError.damaged(file: "a.png", reason: "the chunk IHDR at byte 8 has a wrong checksum")
    ) { try RGBPicture(bytes, file: "a.png") }
  }

  /// Memory for the pixels is not taken: 10,000 by 10,000 of them would be 300 MB.
  @Test("Sizes that are too large, or that the data can't fill, are refused")
  func sizes() throws {
    func file(_ width: Int, _ height: Int, data: [UInt8]) -> [UInt8] {
      PNGFile.bytes([
        ("IHDR", PNGFile.number(width) + PNGFile.number(height) + [8, 2, 0, 0, 0]), ("IDAT", data),
        ("IEND", []),
      ])
    }
    let few = Gzip.compress([0]).dropFirst(10)
    #expect(
      throws: PictureError.tooLarge(file: "a", width: 100_000, height: 1_001, limit: RGBPicture.mostPixels)
    ) { try RGBPicture(file(100_000, 1_001, data: Array(few)), file: "a") }
    #expect(throws: PictureError.self) {
      try RGBPicture(file(0x7FFF_FFFF, 0x7FFF_FFFF, data: [1]), file: "a")
    }
    #expect(throws: PictureError.self) { try RGBPicture(file(0, 5, data: [1]), file: "a") }
    #expect {
      try RGBPicture(file(10_000, 10_000, data: [0x78, 1, 2, 3]), file: "a")
    } throws: {
      "\($0)" == "a: damaged picture: 4 bytes of data are too few for 10000 by 10000 pixels"
    }
  }

  @Test(
    "Other kinds of files are named",
    arguments: [
      ("GIF89a", "a GIF picture"), ("BM....", "a BMP picture"), ("RIFF....WEBP", "a WebP picture"),
      ("", "an empty file"), ("abcdef", "a file that begins with the bytes 61 62 63 64"),
    ])
  func otherKinds(_ text: String, _ found: String) {
    #expect(throws: PictureError.unknownKind(file: "a", found: found)) {
      try RGBPicture(Array(text.utf8), file: "a")
    }
  }

  @Test("A file that isn't there, and a folder, are refused")
  func missing() throws {
    let scratch = try Scratch()
    #expect(throws: PictureError.file(.missing(file: scratch.file("no.png")))) {
      try RGBPicture(contentsOf: scratch.file("no.png"))
    }
    #expect(throws: PictureError.file(.cannotOpen(file: scratch.path, reason: "is a folder"))) {
      try RGBPicture(contentsOf: scratch.path)
    }
    let path = try scratch.write(try Sample.named("png-2-8").bytes, as: "a.png")
    #expect(try RGBPicture(contentsOf: path).width == 13)
  }

  /// Black, white, no light, and a mixture, by Pillow's formula.
  @Test("Inks become colours")
  func inks() {
    #expect(
      JPEGPicture.rgb(cmyk: [255, 255, 255, 255, 0, 0, 0, 255, 255, 255, 255, 0]) == [
        255, 255, 255, 0, 0, 0, 0, 0, 0,
      ])
    #expect(JPEGPicture.rgb(cmyk: [128, 255, 0, 200]) == [100, 200, 0])
  }
}

/// PNG files byte by byte.
enum PNGFile {
  static func number(_ value: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  static func bytes(_ chunks: [(String, [UInt8])]) -> [UInt8] {
    chunks.reduce(PNGPicture.signature) { file, chunk in
      let named = Array(chunk.0.utf8) + chunk.1
      return file + number(chunk.1.count) + named + checksum(named)
    }
  }

  /// The file with the checksums of its chunks made right, as far as their lengths lead.
  static func repaired(_ file: [UInt8]) -> [UInt8] {
    var (file, place) = (file, 8)
    while place + 12 <= file.count {
      let length = file[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= file.count - place - 12 else { break }
      let end = place + 8 + length
      file.replaceSubrange(end..<end + 4, with: checksum(Array(file[place + 4..<end])))
      place = end + 4
    }
    return file
  }

  private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
    var sum = CRC32()
    sum.update(bytes)
    return number(Int(sum.value))
  }
}
