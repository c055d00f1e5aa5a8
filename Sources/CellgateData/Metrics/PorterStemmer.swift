/// The stems of English words by the algorithm called Porter2, the English stemmer of Snowball.
///
/// It is written from the description of the algorithm, in the form that it had until 2019, which METEOR 1.5 has, too. Words
/// are in lower case; letters are counted in code units of UTF-16, and others than a to z are consonants.
///
/// Source: https://snowballstem.org/algorithms/english/stemmer.html
struct PorterStemmer {
  private var word: [UInt16]
  /// Where the regions begin in which endings are looked for.
  private var first = 0, second = 0

  /// The stem of a word.
  static func stem(_ word: some StringProtocol) -> String {
    let letters = Array(word.utf16)
    guard letters.count > 2 else { return String(word) }
    if let special = special[String(word)] { return special }
    var stemmer = PorterStemmer(word: letters)
    stemmer.run()
    return String(decoding: stemmer.word, as: UTF16.self)
  }

  /// Words with a stem of their own.
  private static let special = [
    "skis": "ski", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "idly": "idl",
    "gently": "gentl",
    "ugly": "ugli", "early": "earli", "only": "onli", "singly": "singl", "sky": "sky", "news": "news",
    "howe": "howe",
    "atlas": "atlas", "cosmos": "cosmos", "bias": "bias", "andes": "andes",
  ]
  /// Words that stay as they are after step 1a.
  private static let fixed = codes(
    ["inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"])
  /// Beginnings after which the first region begins.
  private static let beginnings = codes(["gener", "commun", "arsen"])

  private init(word: [UInt16]) { self.word = word }

  private mutating func run() {
    if word.first == Self.apostrophe { word.removeFirst() }
    markConsonantYs()
    findRegions()
    removePossessive()
    removePlural()
    guard !Self.fixed.contains(word) else { return unmark() }
    removePast()
    replaceFinalY()
    replaceLongEnding()
    replaceShortEnding()
    removeEnding()
    removeFinalLetter()
    unmark()
  }

  // MARK: Letters

  private static func code(_ letter: Unicode.Scalar) -> UInt16 { UInt16(letter.value) }
  private static func codes(_ words: [String]) -> [[UInt16]] { words.map { Array($0.utf16) } }

  private static let apostrophe = code("'"), y = code("y"), consonantY = code("Y")
  private static let vowels = Set("aeiouy".utf16)
  private static let doubled = Set("bdfgmnprt".utf16)
  private static let beforeLi = Set("cdeghkmnrt".utf16)

  private func isVowel(_ place: Int) -> Bool { Self.vowels.contains(word[place]) }

  /// A y at the beginning or after a vowel is a consonant, and written Y until the end.
  private mutating func markConsonantYs() {
    for place in word.indices where word[place] == Self.y {
      if place == 0 || isVowel(place - 1) { word[place] = Self.consonantY }
    }
  }

  private mutating func unmark() {
    for place in word.indices where word[place] == Self.consonantY { word[place] = Self.y }
  }

  // MARK: Regions

  /// The first region begins after the first consonant that follows a vowel, the second one likewise within the first.
  private mutating func findRegions() {
    first =
      Self.beginnings.first { word.starts(with: $0) }?.count ?? placeAfterConsonant(from: 0)
    second = placeAfterConsonant(from: first)
  }

  private func placeAfterConsonant(from start: Int) -> Int {
    var place = start
    while place < word.count, !isVowel(place) { place += 1 }
    while place < word.count, isVowel(place) { place += 1 }
    return min(place + 1, word.count)
  }

  /// Whether the first `end` letters end in a short syllable: a vowel between consonants, of which the last is none of w, x
  /// and Y, or a vowel and a consonant alone.
  private func endsInShortSyllable(_ end: Int) -> Bool {
    guard end >= 2, isVowel(end - 2), !isVowel(end - 1) else { return false }
    if end == 2 { return true }
    let last = word[end - 1]
    return !isVowel(end - 3) && last != Self.code("w") && last != Self.code("x") && last != Self.consonantY
  }

  // MARK: Endings

  private func ends(in ending: String) -> Bool {
    let letters = ending.utf16
    return word.count >= letters.count && word.suffix(letters.count).elementsEqual(letters)
  }

  /// The longest of endings that the word has, which stand longest first.
  private func ending(of endings: [String]) -> String? { endings.first { ends(in: $0) } }

  private mutating func replace(_ ending: String, by other: String) {
    word.removeLast(ending.utf16.count)
    word += other.utf16
  }

  private func isIn(_ region: Int, _ ending: String) -> Bool { word.count - ending.utf16.count >= region }

  private mutating func removePossessive() {
    if let ending = ending(of: ["'s'", "'s", "'"]) { replace(ending, by: "") }
  }

  private mutating func removePlural() {
    switch ending(of: ["sses", "ied", "ies", "us", "ss", "s"]) {
    case "sses"?: replace("sses", by: "ss")
    case "ied"?, "ies"?: word.removeLast(word.count > 4 ? 2 : 1)
    case "s"? where word.indices.dropLast(2).contains(where: isVowel): word.removeLast()
    default: break
    }
  }

  private mutating func removePast() {
    guard let ending = ending(of: ["eedly", "ingly", "edly", "eed", "ing", "ed"]) else { return }
    if ending.hasPrefix("ee") {
      if isIn(first, ending) { replace(ending, by: "ee") }
      return
    }
    guard word.indices.dropLast(ending.utf16.count).contains(where: isVowel) else { return }
    replace(ending, by: "")
    if self.ending(of: ["at", "bl", "iz"]) != nil {
      word += "e".utf16
    } else if word.count >= 2, word[word.count - 1] == word[word.count - 2],
      Self.doubled.contains(word[word.count - 1])
    {
      word.removeLast()
    } else if first >= word.count, endsInShortSyllable(word.count) {
      word += "e".utf16
    }
  }

  private mutating func replaceFinalY() {
    guard word.count > 2, let last = word.last, last == Self.y || last == Self.consonantY,
      !isVowel(word.count - 2)
    else { return }
    word[word.count - 1] = Self.code("i")
  }

  private static let longEndings = [
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "abli": "able", "entli": "ent",
    "izer": "ize",
    "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al", "aliti": "al", "alli": "al",
    "fulness": "ful",
    "ousli": "ous", "ousness": "ous", "iveness": "ive", "iviti": "ive", "biliti": "ble", "bli": "ble",
    "ogi": "og",
    "fulli": "ful", "lessli": "less", "li": "",
  ]
  private static let longEndingsInOrder = inOrder(longEndings)

  private static func inOrder(_ endings: [String: String]) -> [String] {
    endings.keys.sorted { ($1.utf16.count, $0) < ($0.utf16.count, $1) }
  }

  private mutating func replaceLongEnding() {
    guard let ending = ending(of: Self.longEndingsInOrder), let other = Self.longEndings[ending],
      isIn(first, ending)
    else { return }
    let before = word.count > ending.utf16.count ? word[word.count - ending.utf16.count - 1] : 0
    if ending == "ogi", before != Self.code("l") { return }
    if ending == "li", !Self.beforeLi.contains(before) { return }
    replace(ending, by: other)
  }

  private static let shortEndings = [
    "ational": "ate", "tional": "tion", "alize": "al", "icate": "ic", "iciti": "ic", "ical": "ic", "ful": "",
    "ness": "",
    "ative": "",
  ]
  private static let shortEndingsInOrder = inOrder(shortEndings)

  private mutating func replaceShortEnding() {
    guard let ending = ending(of: Self.shortEndingsInOrder), let other = Self.shortEndings[ending],
      isIn(ending == "ative" ? max(first, second) : first, ending)
    else { return }
    replace(ending, by: other)
  }

  private static let removedEndings = [
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize",
    "ion", "al",
    "er", "ic",
  ]

  private mutating func removeEnding() {
    guard let ending = ending(of: Self.removedEndings), isIn(second, ending) else { return }
    if ending == "ion" {
      guard word.count > 3 else { return }
      let before = word[word.count - 4]
      guard before == Self.code("s") || before == Self.code("t") else { return }
    }
    replace(ending, by: "")
  }

  private mutating func removeFinalLetter() {
    let start = word.count - 1
    if ends(in: "e") {
      if start >= second || (start >= first && !endsInShortSyllable(start)) { word.removeLast() }
    } else if ends(in: "ll"), start >= second {
      word.removeLast()
    }
  }
}
