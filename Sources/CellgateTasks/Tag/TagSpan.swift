/// A run of tokens that are one thing, such as a name.
struct TagSpan: Hashable {
  /// What it is: PER of B-PER.
  var type: String
  /// The places of its tokens.
  var tokens: Range<Int>

  /// The spans that the tags of a sentence mean, with the conventions of seqeval's default mode
  /// (https://github.com/chakki-works/seqeval): a span begins at B, S or U, at a change of type, and at I or E after O, E or S; it ends before
  /// the next one, before O, and after E, S or L. A tag without a prefix is like one with I. So BIO, BIOES, IOBES, BILOU and IO are
  /// all read by one rule, and wrong sequences too.
  static func spans(_ tags: [String]) -> [TagSpan] {
    var spans: [TagSpan] = []
    var (first, last): (Int?, Part?) = (nil, nil)
    func close(_ end: Int) {
      if let begin = first, let last { spans.append(TagSpan(type: last.type, tokens: begin..<end)) }
      first = nil
    }
    for (place, tag) in tags.enumerated() {
      let part = Part(tag)
      if last?.ends(before: part) ?? true { close(place) }
      if part.begins(after: last) { first = place }
      last = part
    }
    close(tags.count)
    return spans
  }

  /// Whether tags mean spans: one of them is O, or all have a prefix of BIOES, IOBES or BILOU.
  static func areSpans(_ tags: some Collection<String>) -> Bool {
    tags.contains("O") || (!tags.isEmpty && tags.allSatisfy { Part($0).isPrefixed })
  }

  /// The types of spans that tags may mean, in the order of their characters.
  static func types(_ tags: some Collection<String>) -> [String] {
    Set(tags.map { Part($0) }.filter { $0.kind != .outside }.map(\.type)).sorted()
  }

  /// A tag: where in a span it stands, and the span's type.
  private struct Part {
    enum Kind { case outside, begin, inside, end, single }

    let kind: Kind
    let type: String
    let isPrefixed: Bool

    init(_ tag: String) {
      guard tag != "O" else {
        (kind, type, isPrefixed) = (.outside, "", true)
        return
      }
      let bytes = Array(tag.utf8)
      guard bytes.count > 2, bytes[1] == UInt8(ascii: "-"), let own = Self.kinds[bytes[0]] else {
        // A letter alone is a span without a type.
        if bytes.count == 1, let own = Self.kinds[bytes[0]] {
          (kind, type, isPrefixed) = (own, "_", true)
        } else {
          (kind, type, isPrefixed) = (.inside, tag, false)
        }
        return
      }
      (kind, type, isPrefixed) = (own, String(decoding: bytes[2...], as: UTF8.self), true)
    }

    private static let kinds: [UInt8: Kind] = [
      UInt8(ascii: "B"): .begin, UInt8(ascii: "I"): .inside, UInt8(ascii: "E"): .end,
      UInt8(ascii: "L"): .end, UInt8(ascii: "S"): .single, UInt8(ascii: "U"): .single,
    ]

    /// Whether a span that has this tag ends before the next one.
    func ends(before next: Part) -> Bool {
      switch kind {
      case .outside: false
      case .end, .single: true
      case .begin, .inside:
        next.kind == .begin || next.kind == .single || next.kind == .outside || next.type != type
      }
    }

    /// Whether a span begins here.
    func begins(after last: Part?) -> Bool {
      switch kind {
      case .outside: return false
      case .begin, .single: return true
      case .inside, .end:
        guard let last else { return true }
        return [.outside, .end, .single].contains(last.kind) || last.type != type
      }
    }
  }
}
