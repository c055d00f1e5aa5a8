// MARK: Numbers

extension PTBRules {
  private func digitsEnd(_ place: Int) -> Int {
    var end = place
    while true {
      let hyphen = at(end) == 0xAD ? 1 : 0
      guard kind(end + hyphen) == .digit else { return end }
      end += hyphen + 1
    }
  }

  /// Numbers with their sign and separators, fractions, dates.
  mutating func matchNumber() {
    var end = start
    if at(end) == 0x2B || at(end) == 0x2D { end += 1 }
    if Self.isSeparator(at(end)), kind(end + 1) == .digit { end += 1 }
    let first = digitsEnd(end)
    if first > end {
      end = first
      while Self.isSeparator(at(end)), kind(end + 1) == .digit { end = digitsEnd(end + 1) }
      take(to: end)
    }
    matchFraction()
    matchDate()
    matchSuperscript()
  }

  private static func isSeparator(_ code: UInt32) -> Bool {
    code == 0x2E || code == 0x2C || code == 0x3A || code == 0x66B || code == 0x66C
  }

  /// The place after one to four digits.
  private func fewDigits(_ place: Int, most: Int) -> Int {
    var end = place
    while end < place + most, isASCIIDigit(end) { end += 1 }
    return end
  }

  /// "1/2" and "1 1/2", whose space becomes one that does not break.
  private mutating func matchFraction() {
    func simple(_ place: Int) -> Int? {
      let numerator = fewDigits(place, most: 4)
      guard numerator > place else { return nil }
      var slash = numerator
      if at(slash) == 0x5C { slash += 1 }
      guard at(slash) == 0x2F || (at(slash) == 0x2044 && slash == numerator) else { return nil }
      let end = fewDigits(slash + 1, most: 4)
      return end > slash + 1 ? end : nil
    }
    if let end = simple(start) { take(end - start) }
    let whole = fewDigits(start, most: 4)
    guard whole > start, [0x20, 0x2D, 0xA0].contains(at(whole)), let end = simple(whole + 1) else { return }
    take(end - start, as: PTBScanner.string(text[start..<end].map { $0 == 0x20 ? 0xA0 : $0 }))
  }

  private mutating func matchDate() {
    let first = fewDigits(start, most: 2)
    guard first > start, at(first) == 0x2F || at(first) == 0x2D else { return }
    let second = fewDigits(first + 1, most: 2)
    guard second > first + 1, at(second) == 0x2F || at(second) == 0x2D else { return }
    let end = fewDigits(second + 1, most: 4)
    if end - second >= 3 { take(end - start) }
  }

  /// Raised digits, or lowered ones.
  private mutating func matchSuperscript() {
    func isRaised(_ code: UInt32) -> Bool {
      code == 0xB2 || code == 0xB3 || code == 0xB9 || code == 0x2070 || (0x2074...0x2079).contains(code)
    }
    func isLowered(_ code: UInt32) -> Bool { (0x2080...0x2089).contains(code) }
    let sign = [0x207A, 0x207B, 0x208A, 0x208B].contains(at(start)) ? 1 : 0
    for isOne in [isRaised, isLowered] {
      var end = start + sign
      while isOne(at(end)) { end += 1 }
      if end > start + sign { take(end - start) }
    }
  }

  /// Telephone numbers, whose spaces become ones that don't break.
  mutating func matchTelephone() {
    func isGap(_ place: Int) -> Bool { [0x20, 0x2D, 0xA0].contains(at(place)) }
    /// The last two groups, with or without a gap: 3 or 4 digits and 3 to 5.
    func tail(_ place: Int) -> Int? {
      var best: Int?
      for count in [3, 4] where fewDigits(place, most: count) == place + count {
        for gap in [0, 1] where gap == 0 || isGap(place + count) {
          let next = place + count + gap
          let end = fewDigits(next, most: 5)
          if end - next >= 3 { best = max(best ?? 0, end) }
        }
      }
      return best
    }
    var ends: [Int] = []
    if at(start) == 0x28 {
      for count in [2, 3]
      where fewDigits(start + 1, most: 3) == start + 1 + count && at(start + 1 + count) == 0x29 {
        let next = start + 2 + count
        if let end = tail(next) { ends.append(end) }
        if at(next) == 0x20 || at(next) == 0xA0, let end = tail(next + 1) { ends.append(end) }
      }
    } else {
      var first = start
      while first < start + 2, at(first) == 0x2B { first += 1 }
      for count in 2...4 where fewDigits(first, most: 4) == first + count && isGap(first + count) {
        let next = first + count + 1
        if let end = tail(next) { ends.append(end) }
        for second in 2...4 where fewDigits(next, most: 4) == next + second && isGap(next + second) {
          if let end = tail(next + second + 1) { ends.append(end) }
        }
      }
    }
    guard let end = ends.max() else { return }
    var token = ""
    for code in text[start..<end] {
      switch code {
      case 0x28: token += "-LRB-"
      case 0x29: token += "-RRB-"
      case 0x20: token += "\u{A0}"
      default: token += PTBScanner.string([code])
      }
    }
    take(end - start, as: token)
  }
}

// MARK: Letters of ASCII

extension PTBRules {
  /// Words with periods and hyphens, alternatives with slashes, names of files, acronyms with & and +.
  mutating func matchASCIIThing() {
    matchHyphenated()
    matchAlternatives()
    matchLetters()
  }

  /// "U.S.-based", "1.5-inch", "12,500-seat".
  private mutating func matchHyphenated() {
    func tail(_ place: Int) -> Int {
      var end = place
      while at(end) == 0x2D {
        if let acronym = acronymEnd(end + 1) {
          end = acronym
        } else {
          var next = end + 1
          while isASCIIAlphanumeric(next) || at(next) == 0xAD { next += 1 }
          guard next > end + 1 else { break }
          end = next
        }
      }
      return end
    }
    guard isASCIIAlphanumeric(start) else { return }
    var end = start
    while isASCIIAlphanumeric(end) || [0x2E, 0x2C, 0xAD].contains(at(end)) { end += 1 }
    let after = tail(end)
    if after > end {
      take(to: after)
      takePeriod(after)
    }
  }

  /// "he/she", "black-and-white/grey".
  private mutating func matchAlternatives() {
    func part(_ place: Int) -> Int {
      var end = asciiEnd(place)
      guard end > place else { return place }
      for _ in 0..<2 where at(end) == 0x2D {
        var next = end + 1
        while isASCIILetter(next) { next += 1 }
        guard next > end + 1 else { break }
        end = next
      }
      return end
    }
    var end = part(start)
    guard end > start else { return }
    for _ in 0..<2 {
      let slash = at(end) == 0x5C && at(end + 1) == 0x2F ? end + 1 : end
      guard at(slash) == 0x2F else { break }
      let next = part(slash + 1)
      guard next > slash + 1 else { break }
      end = next
      take(end - start)
    }
  }

  private static let endings: Set<String> = [
    "c", "h", "x", "gz", "pl", "ps", "py", "bat", "bmp", "cgi", "cpp", "dll", "doc", "exe", "gif", "htm",
    "jar", "jpg",
    "mov", "mp3", "pdf", "php", "png", "ppt", "sql", "tar", "txt", "wav", "xml", "zip", "docx", "html",
    "java", "jpeg",
    "class",
  ]

  mutating func matchFileName() {
    var end = wordEnd(start)
    guard end > start else { return }
    while at(end) == 0x2E {
      let next = wordEnd(end + 1)
      guard next > end + 1 else { return }
      let ending = PTBScanner.string(text[end + 1..<next])
      if Self.endings.contains(ending.lowercased()),
        isSpace(next) || [0x21, 0x2C, 0x2E, 0x3F].contains(at(next))
      {
        take(next - start, looking: 1)
      }
      end = next
    }
  }

  /// AT&T, R&amp;B, A+B; C++, C#, F#.
  private mutating func matchLetters() {
    func upperEnd(_ place: Int) -> Int {
      var end = place
      while isUpper(end) { end += 1 }
      return end
    }
    var end = upperEnd(start)
    var text: [UInt32] = Array(self.text[start..<end])
    while end > start {
      let joint = has(end, "&amp;") && isUpper(end + 5) ? 5 : at(end) == 0x26 || at(end) == 0x2B ? 1 : 0
      let next = upperEnd(end + joint)
      guard joint > 0, next > end + joint else { break }
      text.append(at(end))
      text += self.text[end + joint..<next]
      end = next
      take(end - start, as: PTBScanner.string(text))
    }
    if end > start, text.contains(0x26) || text.contains(0x2B), at(end) == 0x2E,
      [0x2C, 0x3A, 0x3B, 0x3001].contains(at(end + 1))
    {
      take(end + 1 - start, looking: 1, as: PTBScanner.string(text + [0x2E]))
    }
    if has(start, "c++") { take(3) }
    if has(start, "c#") || has(start, "f#") { take(2) }
  }
}

// MARK: Addresses

extension PTBRules {
  /// Whether a character may stand in an address: none of white space, brackets and quotation marks.
  private func isAddress(_ place: Int, besides others: StaticString = "") -> Bool {
    let code = at(place)
    if code > 0x7F { return true }
    switch code {
    case 0...0x20 where code == 0x20 || (0x09...0x0D).contains(code): return false
    case 0x22, 0x3C, 0x3E, 0x7C, 0x28, 0x29: return false
    default:
      return others.withUTF8Buffer { (letters) in
        !(0..<letters.count).contains { unsafe UInt32(letters[$0]) == code }
      }
    }
  }

  /// The place after an address's path, of which `least` characters are asked, and which ends in none of .!?,- and {}.
  private func pathEnd(_ place: Int, besides others: StaticString, least: Int) -> Int? {
    var end = place
    while isAddress(end, besides: others) { end += 1 }
    // One more may be the last.
    while end > place, !isAddress(end - 1, besides: ".!?{},-") { end -= 1 }
    // Counted as UTF-16 does.
    return text[place..<max(place, end)].reduce(0) { $0 + ($1 > 0xFFFF ? 2 : 1) } >= least ? end : nil
  }

  mutating func matchURL() {
    for scheme: StaticString in ["https://", "http://"] where has(start, scheme) {
      if let end = pathEnd(start + scheme.utf8CodeUnitCount, besides: "{}", least: 2) { take(end - start) }
    }
    func withPath(_ end: Int) -> Int {
      at(end) == 0x2F ? pathEnd(end + 1, besides: "", least: 2) ?? end : end
    }
    if has(start, "www.") {
      var end = start + 4
      var best: Int?
      while true {
        var next = end
        while isAddress(next, besides: ".!?{},") { next += 1 }
        guard next > end, at(next) == 0x2E else { break }
        end = next + 1
        var letters = end
        while letters < end + 4, isASCIILetter(letters) {
          letters += 1
          if letters - end >= 2 { best = letters }
        }
      }
      if let best { take(withPath(best) - start) }
    }
    // Names of hosts that end in com, net, org or edu.
    var end = start
    var best: Int?
    while true {
      var next = end
      while isHost(next) { next += 1 }
      guard next > end, at(next) == 0x2E else { break }
      end = next + 1
      for domain: StaticString in ["com", "net", "org", "edu"] where has(end, domain) { best = end + 3 }
    }
    if let best { take(withPath(best) - start) }
  }

  /// Whether a character may stand in the name of a host: no capitals and digits among them.
  private func isHost(_ place: Int) -> Bool {
    let code = at(place)
    return isAddress(place, besides: ".!?{}`'$") && !(0x2C...0x5F).contains(code)
  }

  mutating func matchEmail() {
    func isPart(_ place: Int) -> Bool { at(place) != 0xA0 && isAddress(place, besides: "{}") }
    var first = start
    if at(first) == 0x3C { first += 1 } else if has(first, "&lt;") { first += 4 }
    guard isASCIIAlphanumeric(first) else {
      if at(start) == 0x40 || at(start) == 0x23 { matchHandle() }
      return
    }
    var last = first
    while isPart(last) { last += 1 }
    guard let sign = (first + 1..<max(first + 1, last)).last(where: { at($0) == 0x40 && isDomain($0 + 1) })
    else { return }
    var end = domainEnd(sign + 1)
    if at(end) == 0x3E { end += 1 }
    take(end - start)
  }

  private func isDomain(_ place: Int) -> Bool {
    at(place) != 0xA0 && isAddress(place, besides: "{}.")
  }

  private func domainEnd(_ place: Int) -> Int {
    var end = place
    while true {
      while isDomain(end) { end += 1 }
      guard at(end) == 0x2E, isDomain(end + 1) else { return end }
      end += 1
    }
  }

  /// @name and #topic.
  private mutating func matchHandle() {
    if at(start) == 0x40 {
      guard isASCIILetter(start + 1) || at(start + 1) == 0x5F else { return }
      var end = start + 2
      while isASCIIAlphanumeric(end) || at(end) == 0x5F { end += 1 }
      take(end - start)
    } else {
      var end = start + 1
      while case let count = isLetter(end), count > 0 { end += count }
      if end > start + 1 { take(end - start) }
    }
  }
}

// MARK: Markup and symbols

extension PTBRules {
  /// &amp; and the few other entities that are characters, and numbered ones, which stay.
  mutating func matchEntity() {
    if has(start, "&quot;"), !PTBScanner.string(text[start..<start + 6]).contains("quot") {
      take(6, as: "&quot;")
    }
    for (name, text) in Self.entities where has(start, name) { take(name.utf8CodeUnitCount, as: text) }
    if at(start + 1) == 0x23 {
      var end = start + 2
      while isASCIIDigit(end) { end += 1 }
      if end > start + 2, at(end) == 0x3B { take(end + 1 - start) }
    }
  }

  private static let entities: [(StaticString, String)] = [
    ("&lt;", "<"), ("&apos;", "'"), ("&gt;", ">"), ("&amp;", "&"), ("&quot;", "''"), ("&mdash;", "--"),
    ("&ndash;", "--"), ("&nbsp;", ""),
  ]

  /// A tag, a declaration or a comment, whose spaces don't break.
  mutating func matchTag() {
    guard let end = tagEnd(start) else { return }
    take(end - start, as: PTBScanner.string(text[start..<end].map { $0 == 0x20 ? 0xA0 : $0 }))
  }

  func tagEnd(_ start: Int) -> Int? {
    func name(_ place: Int) -> Int {
      guard isASCIILetter(place) else { return place }
      var end = place + 1
      while isASCIIAlphanumeric(end) || [0x2E, 0x2D, 0x5F, 0x3A].contains(at(end)) { end += 1 }
      return end
    }
    func spaces(_ place: Int) -> Int {
      var end = place
      while at(end) == 0x20 { end += 1 }
      return end
    }
    func closed(_ place: Int) -> Int? { at(place) == 0x3E ? place + 1 : nil }
    var end = start + 1
    if at(end) == 0x21 || at(end) == 0x3F {
      guard isASCIILetter(end + 1) || at(end + 1) == 0x2D else { return nil }
      end += 2
      while at(end) != 0x3E, at(end) != 0x0A { end += 1 }
      return closed(end)
    }
    let isClosing = at(end) == 0x2F
    if isClosing { end += 1 }
    let after = name(end)
    guard after > end else { return nil }
    end = after
    if isClosing { return closed(spaces(end)) }
    while case let space = spaces(end), space > end, case let attribute = name(space), attribute > space {
      end = attribute
      let sign = spaces(end)
      guard at(sign) == 0x3D else { continue }
      let quote = spaces(sign + 1)
      guard at(quote) == 0x22 || at(quote) == 0x27 else { return nil }
      var last = quote + 1
      while at(last) != at(quote), at(last) != 0x0A { last += 1 }
      guard at(last) == at(quote) else { return nil }
      end = last + 1
    }
    end = spaces(end)
    return closed(at(end) == 0x2F ? spaces(end + 1) : end)
  }

  mutating func matchCurrency() {
    var end = start
    while isUpper(end) { end += 1 }
    if at(end) == 0x24 { take(end + 1 - start) }
  }

  /// Runs of marks that make one token.
  mutating func matchMarks() {
    let code = at(start)
    func run(_ isOne: (UInt32) -> Bool) -> Int {
      var end = start
      while isOne(at(end)) { end += 1 }
      return end - start
    }
    switch code {
    case 0x21, 0x3F: take(run { $0 == 0x21 || $0 == 0x3F })
    case 0x23, 0x2A, 0x40, 0x5F: take(run { $0 == code })
    case 0x2D:
      for bracket: StaticString in ["-lrb-", "-rrb-", "-lcb-", "-rcb-", "-lsb-", "-rsb-"]
      where has(start, bracket) { take(5) }
      let count = run { $0 == 0x2D }
      take(count, as: count > 4 ? nil : count > 1 ? "--" : "-")
    case 0x2E:
      let count = run { $0 == 0x2E }
      take(count >= 3 ? min(count, 5) : 1, as: count >= 3 ? "..." : ".")
      // With spaces between.
      var end = start + 1
      while end < start + 9, at(end) == 0x20 || at(end) == 0xA0, at(end + 1) == 0x2E { end += 2 }
      if end - start >= 5 { take(end - start, as: "...") }
    case 0x27: take(at(start + 1) == code ? 2 : 1, as: "'")
    case 0x3C, 0x3E: if at(start + 1) == code { take(2) }
    case 0x5C: if at(start + 1) == 0x2A { take(2) }
    default: break
    }
  }

  /// One or two quotation marks other than those of a typewriter.
  mutating func matchQuotes() {
    guard let first = Self.quotes[at(start)] else { return }
    if let second = Self.quotes[at(start + 1)] { take(2, as: first + second) } else { take(1, as: first) }
  }

  private static let quotes: [UInt32: String] = [
    0x60: "`", 0x91: "`", 0x2018: "`", 0x201B: "`", 0x2039: "`", 0x92: "'", 0x2019: "'", 0x203A: "'",
    0x93: "``",
    0x201C: "``", 0xAB: "``", 0x94: "''", 0x201D: "''", 0xBB: "''", 0x201A: "\u{201A}", 0x201E: "\u{201E}",
    0x201F: "\u{201F}",
  ]

  mutating func matchSmiley() {
    var place = start
    if at(place) == 0x3C || at(place) == 0x3E { place += 1 }
    if [0x3A, 0x3B, 0x3D].contains(at(place)) {
      place += 1
      for nose in [0, 1] where nose == 0 || [0x2D, 0x6F, 0x2A, 0x27].contains(at(place)) {
        let mouth = place + nose
        guard "()DPdpO|@{\\[]".unicodeScalars.contains(where: { $0.value == at(mouth) }) else { continue }
        let end = mouth + 1
        let token = text[start..<end].map { code in
          code == 0x28 ? "-LRB-" : code == 0x29 ? "-RRB-" : PTBScanner.string([code])
        }
        if !isASCIIAlphanumeric(end) { take(end - start, looking: 1, as: token.joined()) }
      }
    }
    let eyes: [UInt32] = [0x27, 0x2D, 0x3C, 0x3D, 0x3E, 0x5E, 0x78, 0x7E]
    if eyes.contains(at(start)), at(start + 1) == 0x5F, eyes.contains(at(start + 2)) { take(3) }
    if at(start) == 0x28, eyes.contains(at(start + 1)) {
      let nose =
        [0x5F, 0x2E].contains(at(start + 2)) || (at(start + 2) == 0x2D && at(start + 1) != 0x2D) ? 1 : 0
      for place in Set([start + 2, start + 2 + nose]) {
        guard eyes.contains(at(place)) || (at(place) == 0x60 && at(place - 1) == 0x2D && place > start + 2)
        else { continue }
        guard at(place + 1) == 0x29 else { continue }
        take(place + 2 - start, as: "-LRB-" + PTBScanner.string(text[start + 1...place]) + "-RRB-")
      }
    }
  }

  /// A character that is a token of its own.
  mutating func matchSymbol() {
    if let text = Self.symbols[at(start)] { return take(1, as: text) }
    let code = at(start)
    if kind(start) == .symbol || (code > 0x20 && code < 0x7F && !isASCIIAlphanumeric(start)) { take(1) }
  }

  private static let symbols: [UInt32: String] = [
    0x22: "''", 0x28: "-LRB-", 0x29: "-RRB-", 0x5B: "-LSB-", 0x5D: "-RSB-", 0x7B: "-LCB-", 0x7D: "-RCB-",
    0x80: "$", 0xA4: "$", 0x20A0: "$", 0x20AC: "$", 0xA2: "cents", 0xA3: "#", 0x85: "...", 0x2026: "...",
    0x96: "--", 0x97: "--", 0x2013: "--", 0x2014: "--", 0x2015: "--", 0xBC: "1/4", 0xBD: "1/2", 0xBE: "3/4",
    0x2153: "1/3", 0x2154: "2/3",
  ]
}
