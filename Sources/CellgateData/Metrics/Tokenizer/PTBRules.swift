/// The rules of the tokenizer at one place of a text.
struct PTBRules {
  let text: [UInt32]
  let kinds: [PTBCharacter]
  let start: Int
  /// The characters of the token that has won so far, and those with what was looked at after it.
  private(set) var length = 0
  private var reach = 0
  /// The token's text where it is another one than the characters.
  private(set) var token: String?

  init(text: [UInt32], kinds: [PTBCharacter], start: Int) {
    (self.text, self.kinds, self.start) = (text, kinds, start)
  }

  /// Tries all rules.
  mutating func match() {
    let code = text[start]
    if isSpace(start) {
      // A space that does not break may begin the name of a host.
      if code == 0xA0 { matchURL() }
      return
    }
    switch code {
    case 0x26: matchEntity()  // &
    case 0x3C: matchTag()
    case 0x24, 0x41...0x5A: matchCurrency()
    default: break
    }
    let isWordStart = isLetter(start) > 0
    let isDigit = kinds[start] == .digit
    if isWordStart { matchContraction() }
    if apostrophe(start) > 0 { matchLeadingApostrophe() }
    if isWordStart { matchApostropheWord() }
    matchURL()
    matchEmail()
    if isWordStart { matchWord() }
    if isWordStart || isDigit { matchThing() }
    if isWordStart || isDigit { matchFileName() }
    matchNumber()
    if isASCIIAlphanumeric(start) || code == 0x26 || code == 0xAD { matchASCIIThing() }
    matchTelephone()
    matchMarks()
    matchQuotes()
    matchSmiley()
    matchSymbol()
  }

  /// Takes a match unless one before reaches as far.
  mutating func take(_ length: Int, looking: Int = 0, as token: String? = nil) {
    guard length > 0, length + looking > reach else { return }
    (self.length, reach, self.token) = (length, length + looking, token)
  }

  // MARK: Characters

  func at(_ place: Int) -> UInt32 { place < text.count ? text[place] : 0x0A }
  func kind(_ place: Int) -> PTBCharacter { place < kinds.count ? kinds[place] : .none }

  func isSpace(_ place: Int) -> Bool {
    let code = at(place)
    return code == 0x20 || code == 0x09 || code == 0x0A || code == 0xA0
  }

  func isASCIILetter(_ place: Int) -> Bool {
    let code = at(place) | 0x20
    return at(place) < 0x80 && code >= 0x61 && code <= 0x7A
  }

  func isASCIIDigit(_ place: Int) -> Bool { (0x30...0x39).contains(at(place)) }
  func isASCIIAlphanumeric(_ place: Int) -> Bool { isASCIILetter(place) || isASCIIDigit(place) }
  func isUpper(_ place: Int) -> Bool { (0x41...0x5A).contains(at(place)) }

  /// Whether the characters at a place are these, in either case where they are letters of ASCII.
  func has(_ place: Int, _ word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard place + count <= text.count else { return false }
    return word.withUTF8Buffer { (letters) in
      for index in 0..<count {
        let code = text[place + index]
        let letter = UInt32(unsafe letters[index])
        if code != letter && !(letter >= 0x61 && letter <= 0x7A && code == letter - 0x20) { return false }
      }
      return true
    }
  }

  /// Characters of a letter as words have it: 1, or those of an entity such as `&eacute;`; 0 for none.
  func isLetter(_ place: Int) -> Int {
    switch kind(place) {
    case .letter, .mark: return 1
    default:
      if at(place) == 0xAD { return 1 }
      guard at(place) == 0x26, "aeiouAEIOU".unicodeScalars.contains(where: { $0.value == at(place + 1) })
      else { return 0 }
      for (ending, count) in [("acute;" as StaticString, 6), ("grave;", 6), ("uml;", 4)]
      where has(place + 2, ending) {
        return count + 2
      }
      return 0
    }
  }

  /// The place after letters and digits of a word.
  func wordEnd(_ place: Int) -> Int {
    var end = place
    while true {
      let count = isLetter(end)
      if count > 0 { end += count } else if kind(end) == .digit { end += 1 } else { return end }
    }
  }

  /// The place after letters alone, without marks.
  func lettersEnd(_ place: Int) -> Int {
    var end = place
    while kind(end) == .letter { end += 1 }
    return end
  }

  /// The place after a word, parts of which may be joined by . ! or ?.
  func joinedEnd(_ place: Int) -> Int {
    var end = wordEnd(place)
    while [0x2E, 0x21, 0x3F].contains(at(end)), isLetter(end + 1) > 0 { end = wordEnd(end + 1) }
    return end
  }

  /// Letters and digits of a word with hyphens.
  private func isAlphanumeric(_ place: Int) -> Bool {
    kind(place) == .letter || kind(place) == .digit
  }

  private func alphanumericEnd(_ place: Int) -> Int {
    var end = place
    while isAlphanumeric(end) { end += 1 }
    return end
  }

  func asciiEnd(_ place: Int) -> Int {
    var end = place
    while isASCIIAlphanumeric(end) { end += 1 }
    return end
  }

  /// Characters of an apostrophe: ' ’ &apos; and the same in Windows' encoding; 0 for none.
  private func apostrophe(_ place: Int) -> Int {
    switch at(place) {
    case 0x27, 0x92, 0x2019: 1
    case 0x26 where has(place, "&apos;"): 6
    default: 0
    }
  }

  /// Characters of an apostrophe, or of an opening quotation mark that stands for one.
  private func anyApostrophe(_ place: Int) -> Int {
    switch at(place) {
    case 0x60, 0x91, 0x2018, 0x201B: 1
    default: apostrophe(place)
    }
  }

  /// The text of characters without soft hyphens.
  private func plain(_ end: Int) -> String? {
    guard text[start..<end].contains(0xAD) else { return nil }
    let codes = text[start..<end].filter { $0 != 0xAD }
    return codes.isEmpty ? "-" : PTBScanner.string(codes)
  }

  mutating func take(to end: Int, looking: Int = 0) {
    take(end - start, looking: looking, as: plain(end))
  }
}

// MARK: Words

extension PTBRules {
  /// "can" of "can't" and "cannot", "dog" of "dog's", and the like.
  private mutating func matchContraction() {
    for (word, count, whole) in Self.fused where has(start, word) && whole == wordEnd(start) - start {
      take(count, looking: whole - count)
    }
    // n't: the n belongs to what follows, unless there is one before it.
    var place = start
    var before: UInt32?
    while isASCIILetter(place) || at(place) == 0xAD {
      let mark = anyApostrophe(place + 1)
      if at(place) | 0x20 == 0x6E, mark > 0, at(place + 1 + mark) | 0x20 == 0x74 {
        if let before, before | 0x20 != 0x6E {
          take(to: place, looking: 2 + mark)
        } else if place == start {
          let sign: [UInt32] = [at(place), mark == apostrophe(place + 1) ? 0x27 : 0x60, at(place + 1 + mark)]
          take(2 + mark, as: PTBScanner.string(sign))
        }
      }
      if at(place) != 0xAD { before = at(place) }
      place += 1
    }
    let end = joinedEnd(start)
    take(to: end, looking: contracted(end))
  }

  /// Words that are split, where the first half ends, and their length.
  private static let fused: [(StaticString, Int, Int)] = [
    ("cannot", 3, 6), ("gonna", 3, 5), ("gotta", 3, 5), ("lemme", 3, 5), ("gimme", 3, 5), ("wanna", 3, 5),
  ]

  /// Characters of 's, 'm, 'd, 're, 've or 'll at a place; 0 for none.
  private func contracted(_ place: Int) -> Int {
    let mark = apostrophe(place)
    guard mark > 0 else { return 0 }
    for ending: StaticString in ["re", "ve", "ll"] where has(place + mark, ending) { return mark + 2 }
    for ending: StaticString in ["s", "m", "d"] where has(place + mark, ending) { return mark + 1 }
    return 0
  }

  private mutating func matchLeadingApostrophe() {
    let mark = apostrophe(start)
    let rest = start + mark
    let isPlain = at(start) == 0x27
    let count = contracted(start)
    let contraction = "'" + PTBScanner.string(text[rest..<start + max(mark, count)])
    if count > 0, !isASCIILetter(start + count) { take(count, looking: 1, as: contraction) }
    for word: StaticString in ["em", "till", "til", "cause"] where has(rest, word) {
      take(mark + word.utf8CodeUnitCount)
    }
    if isPlain, has(rest, "tis") || has(rest, "twas") { take(2, looking: has(rest, "tis") ? 2 : 3) }
    let isN = at(rest) | 0x20 == 0x6E
    if isN, case let second = apostrophe(rest + 1), second > 0 { take(mark + 1 + second) }
    if isN, isSpace(rest + 1) { take(mark + 1, looking: 1) }
    if (0x32...0x39).contains(at(rest)), at(rest + 1) == 0x30, at(rest + 2) | 0x20 == 0x73 { take(mark + 3) }
    if isASCIIDigit(rest), isASCIIDigit(rest + 1), isSpace(rest + 2) { take(mark + 2, looking: 1) }
    if isPlain, isASCIILetter(rest), !isSpace(rest + 1) { take(1, looking: 2, as: "`") }
    take(count, as: contraction)
    if isN { take(mark + 1) }
  }

  /// "o'clock", "ma'am", "C'est" and others whose apostrophe is inside.
  private mutating func matchApostropheWord() {
    let code = at(start)
    let mark = anyApostrophe(start + 1)
    if mark > 0 {
      let rest = start + 1 + mark
      let isReal = apostrophe(start + 1) > 0
      // A to Z without I and Y, and n.
      if (isUpper(start) && code != 0x49 && code != 0x59) || code == 0x6E {
        let end = lettersEnd(rest)
        if end - rest >= 2 { take(end - start) }
      }
      if isReal, [0x64, 0x6C, 0x6A].contains(code | 0x20) { take(1 + mark) }
      if isReal, code | 0x20 == 0x79, kind(rest) == .letter { take(1 + mark, looking: 1) }
      if code | 0x20 == 0x6F, at(rest) | 0x20 == 0x6F { take(2 + mark) }
    }
    for word in Self.apostropheWords where has(start, word) { take(word.utf8CodeUnitCount) }
    for word: StaticString in ["ol", "dunkin", "somethin"] where has(start, word) {
      let count = word.utf8CodeUnitCount
      let mark = apostrophe(start + count)
      if mark > 0 { take(count + mark) }
    }
    for (word, last) in [("cap" as StaticString, "n" as StaticString), ("nat", "l")] where has(start, word) {
      let mark = apostrophe(start + 3)
      if mark > 0, has(start + 3 + mark, last) { take(4 + mark) }
    }
    // Letters, a vowel, an apostrophe and a vowel or capital.
    let end = lettersEnd(start)
    let inner = anyApostrophe(end)
    if inner > 0, end - start >= 2, Self.isOne(of: "aeiouyAEIOUY", at(end - 1)),
      Self.isOne(of: "aeiou", at(end + inner)) || isUpper(end + inner)
    {
      take(lettersEnd(end + inner) - start)
    }
  }

  private static let apostropheWords: [StaticString] = [
    "s'mores", "e'er", "ev'ry", "c'mon", "nor'easter", "li'l", "c'est",
  ]

  static func isOne(of letters: String, _ code: UInt32) -> Bool {
    letters.unicodeScalars.contains { $0.value == code }
  }

  /// A word, parts of which may be joined by . ! or ?, an abbreviation with its period, or an acronym.
  private mutating func matchWord() {
    let end = joinedEnd(start)
    take(to: end)
    matchAbbreviation()
    takePeriod(end)
  }

  /// A period before a comma, semicolon or colon belongs to the word before.
  mutating func takePeriod(_ end: Int) {
    guard at(end) == 0x2E, [0x2C, 0x3A, 0x3B, 0x3001].contains(at(end + 1)) else { return }
    take(to: end + 1, looking: 1)
  }

  private mutating func matchAbbreviation() {
    var end = start
    while isASCIILetter(end) { end += 1 }
    guard end > start else { return }
    if at(end) == 0x2E, end - start <= 8 {
      let word = PTBScanner.string(text[start..<end])
      switch PTBAbbreviations.kind(of: word) {
      case .plain?: if !(end - start == 1 && beginsSentence(end + 1)) { take(end + 1 - start) }
      case .ending?: take(end + 1 - start, looking: 2)
      case .beforeNumber?:
        let space = isSpace(end + 1) ? 1 : 0
        if kind(end + 1 + space) == .digit { take(end + 1 - start, looking: 1 + space) }
      case nil: break
      }
    }
    if let end = acronymEnd(start) { take(end - start) }
    if has(start, "ph.d.") { take(5, looking: 2) }
  }

  /// Whether white space and a word follow that sentences begin with, which is written as one: "Vitamin K. The dog".
  private func beginsSentence(_ place: Int) -> Bool {
    var begin = place
    while isSpace(begin), begin < text.count { begin += 1 }
    guard begin > place else { return false }
    if at(begin) == 0x3C { return tagEnd(begin).map(isSpace) ?? false }
    guard isUpper(begin) else { return false }
    if has(begin, "mr.") || has(begin, "ms.") { return isSpace(begin + 3) }
    var end = begin
    while isASCIILetter(end), end - begin < 16 { end += 1 }
    return isSpace(end) && Self.beginnings.contains(PTBScanner.string(text[begin..<end]).lowercased())
  }

  private static let beginnings: Set<String> = [
    "a", "about", "according", "additionally", "after", "an", "as", "at", "but", "earlier", "he", "her",
    "here", "however",
    "if", "in", "it", "last", "many", "more", "now", "once", "one", "other", "our", "she", "since", "so",
    "some", "such",
    "that", "the", "their", "then", "there", "these", "they", "this", "we", "what", "when", "while", "yet",
    "you",
  ]

  /// The place after two or more letters with a period each.
  func acronymEnd(_ place: Int) -> Int? {
    var end = place
    while isASCIILetter(end), at(end + 1) == 0x2E { end += 2 }
    return end - place >= 4 ? end : nil
  }

  private static let hyphens: Set<UInt32> = [0x2D, 0x5F, 0x58A, 0x2010, 0x2011]

  /// Letters and digits with hyphens or underscores between, such as "twenty-one" and "12-year-old".
  private mutating func matchThing() {
    func part(_ place: Int) -> Int {
      if Self.isOne(of: "dDoOlL", at(place)), case let mark = anyApostrophe(place + 1), mark > 0,
        isAlphanumeric(place + 1 + mark), isAlphanumeric(place + 2 + mark)
      {
        return alphanumericEnd(place + 1 + mark)
      }
      return alphanumericEnd(place)
    }
    var end = part(start)
    guard end > start else { return }
    while Self.hyphens.contains(at(end)) {
      let next = part(end + 1)
      guard next > end + 1 else { break }
      end = next
    }
    take(to: end)
    takePeriod(end)
  }
}
