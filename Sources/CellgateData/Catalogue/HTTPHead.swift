/// The heads in front of an HTTP answer's body, read as their bytes come: those of redirections and of provisional
/// answers (statuses 1xx and 3xx), and the last one, which counts.
struct HTTPHead {
  /// The status of the last head so far; nil before the first is there.
  private(set) var status: Int?
  /// True when the body follows.
  private(set) var isWhole = false

  private var lines: [String] = []
  private var pending: [UInt8] = []

  /// The most bytes of all heads together.
  private static let limit = 1 << 20

  /// The value of a header field of the last head, its name in lower case; nil without it.
  subscript(name: String) -> String? {
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name else { continue }
      let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      return String(value)
    }
    return nil
  }

  /// Takes the next bytes and gives those of the body among them; nil where they are no HTTP answer.
  mutating func take(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
    pending += bytes
    while !isWhole {
      // After a redirection's head comes another one, or its own body.
      let mark = Array("HTTP/".utf8)
      guard pending.starts(with: mark.prefix(pending.count)) else {
        guard status != nil else { return nil }
        isWhole = true
        break
      }
      guard let end = Self.end(of: pending) else { return pending.count <= Self.limit ? [] : nil }
      // By bytes: Swift takes a carriage return and a newline for one character.
      lines = pending[..<end].split(separator: UInt8(ascii: "\n")).map { line in
        String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
      }
      pending.removeFirst(end)
      let words = lines.first?.split(separator: " ") ?? []
      guard words.count >= 2, let status = Int(words[1]), (100..<1000).contains(status) else { return nil }
      self.status = status
      isWhole = status >= 200 && !(300..<400).contains(status)
    }
    defer { pending = [] }
    return pending[...]
  }

  /// The place after a head's empty line.
  private static func end(of bytes: [UInt8]) -> Int? {
    let (newline, carriageReturn) = (UInt8(ascii: "\n"), UInt8(ascii: "\r"))
    var isEmpty = false  // the line so far
    for (place, byte) in bytes.enumerated() {
      if byte == newline {
        if isEmpty { return place + 1 }
        isEmpty = true
      } else if byte != carriageReturn {
        isEmpty = false
      }
    }
    return nil
  }
}
