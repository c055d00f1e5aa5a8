import CellgateTestSupport
import Testing

@testable import CellgateFiles

@Suite("Y4M files")
struct Y4MFileTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func open(_ bytes: [UInt8]) throws -> Y4MFile { try Y4MFile(scratch.write(bytes, as: "a.y4m")) }

  private func video(_ header: String, frames: [[UInt8]], before: String = "FRAME\n") -> [UInt8] {
    frames.reduce(Array(header.utf8) + [0x0A]) { $0 + Array(before.utf8) + $1 }
  }

  @Test("The brightness of frames is read of every kind of colours")
  func kinds() throws {
    let y: [UInt8] = [1, 2, 3, 4, 5, 6]
    for (colours, rest) in [("", 4), (" C420jpeg", 4), (" Cmono", 0), (" C444", 12), (" C422", 8)] {
      let frame = y + [UInt8](repeating: 128, count: rest)
      let file = try open(
        video(
          "YUV4MPEG2 W3 H2 F25:1 Ip\(colours) XA=1", frames: [frame, frame.reversed()], before: "FRAME Ixyz\n"
        ))
      #expect((file.width, file.height, file.count) == (3, 2, 2), "\(colours)")
      #expect(try file.frame(0) == y)
      #expect(try file.frame(1) == Array(frame.reversed()[..<6]))
    }
    #expect(try open(video("YUV4MPEG2 W3 H2", frames: [])).count == 0)
  }

  @Test("Headers that lie and files that end too early are errors that name the place")
  func damage() throws {
    let frame = [UInt8](repeating: 7, count: 10)
    func failure(_ bytes: [UInt8]) throws -> String {
      try #require(throws: Y4MError.self) { _ = try open(bytes) }.description
    }
    #expect(try failure([]).contains("expected the header YUV4MPEG2"))
    #expect(try failure(Array("RIFF\n".utf8)).contains("found 'RIFF'"))
    #expect(try failure(video("YUV4MPEG2 W3", frames: [])).contains("height H"))
    #expect(try failure(video("YUV4MPEG2 W0 H2", frames: [])).contains("'W0'"))
    #expect(try failure(video("YUV4MPEG2 W99999999999999999999 H2", frames: [])).contains("W9999"))
    #expect(try failure(video("YUV4MPEG2 W65000 H65000", frames: [])).contains("65000 by 65000"))
    #expect(try failure(video("YUV4MPEG2 W3 H2 C420p10", frames: [])).contains("found C420p10"))
    #expect(try failure(video("YUV4MPEG2 W30 H20", frames: [frame])).contains("frame 1: expected 900 bytes"))
    let whole = video("YUV4MPEG2 W3 H2", frames: [frame, frame])
    #expect(try failure(whole + [1]).contains("expected FRAME"))
    // A cut file is whole up to its last frame, or an error.
    for count in 0..<whole.count {
      if let file = try? open(Array(whole[..<count])) { #expect(file.count < 2) }
    }
    #expect(throws: Y4MError.file(.missing(file: scratch.file("none.y4m")))) {
      _ = try Y4MFile(scratch.file("none.y4m"))
    }
  }
}
