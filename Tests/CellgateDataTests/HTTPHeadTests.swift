import Testing

@testable import CellgateData

@Suite("Heads of HTTP answers")
struct HTTPHeadTests {
  /// The head after all bytes, given in pieces of so many, and the body; nil where it was refused.
  private func read(_ text: String, by size: Int) -> (head: HTTPHead, body: String)? {
    let bytes = Array(text.utf8)
    var (head, body): (HTTPHead, [UInt8]) = (HTTPHead(), [])
    for start in stride(from: 0, to: bytes.count, by: size) {
      let piece = Array(bytes[start..<min(start + size, bytes.count)])
      if head.isWhole {
        body += piece
      } else {
        guard let rest = head.take(piece) else { return nil }
        body += rest
      }
    }
    return (head, String(decoding: body, as: UTF8.self))
  }

  @Test("However the bytes are cut, the last head counts and the body begins after it", arguments: 1...150)
  func pieces(_ size: Int) throws {
    let text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\nContent-Range: no\r\n\r\n"
      + "HTTP/2 206 \r\ncontent-range:\tbytes 5-9/10\r\nX: a:b\r\n\r\nHTTP/1.1 is a body\r\n\r\n"
    let found = try #require(read(text, by: size))
    #expect(found.head.isWhole && found.head.status == 206)
    #expect(found.head["content-range"] == "bytes 5-9/10")
    #expect(found.head["x"] == "a:b" && found.head["y"] == nil)
    #expect(found.body == "HTTP/1.1 is a body\r\n\r\n")
  }

  @Test("A redirection that is the last answer keeps its status, with and without a body")
  func redirection() throws {
    let bare = try #require(read("HTTP/1.1 304 Same\r\n\r\n", by: 7))
    #expect(bare.head.status == 304 && !bare.head.isWhole)
    let full = try #require(read("HTTP/1.1 300 Choose\n\nbody", by: 7))
    #expect(full.head.status == 300 && full.head.isWhole && full.body == "body")
  }

  @Test(
    "What is no HTTP answer is refused",
    arguments: [
      "hello", "HTTP/1.1\r\n\r\n", "HTTP/1.1 2x\r\n\r\n", "HTTP/1.1 99 Low\r\n\r\n",
      "HTTP/1.1 1000 High\r\n\r\n",
    ])
  func refused(_ text: String) {
    #expect(read(text, by: 3) == nil)
  }

  @Test("A head without an end is refused after a million bytes")
  func endless() {
    #expect(read("HTTP/1.1 200 OK\r\n" + String(repeating: "a: b\r\n", count: 200_000), by: 1 << 16) == nil)
  }
}
