/// Which words METEOR takes for synonyms: those that share a set of synonyms of WordNet, themselves or in their base form.
struct MeteorSynonyms {
  /// The sets of each word that was asked for, as numbers.
  private let sets: [String: Set<Int32>]

  /// Looks up `words` in METEOR's files: `synsets` has a word and its sets on two lines, `exceptions` a base form and its
  /// irregular ones.
  init(words: Set<String>, synsets: [UInt8], exceptions: [UInt8]) {
    var irregular: [String: [String]] = [:]
    Self.pairs(exceptions) { base, forms in
      for form in forms.split(separator: 0x20) {
        let form = String(decoding: form, as: UTF8.self)
        if words.contains(form) { irregular[form, default: []].append(String(decoding: base, as: UTF8.self)) }
      }
    }
    var candidates: [String: [String]] = [:]
    var asked = words
    for word in words {
      let bases = irregular[word] ?? Self.bases(of: word)
      candidates[word] = bases
      asked.formUnion(bases)
    }
    var known: [String: Set<Int32>] = [:]
    Self.pairs(synsets) { word, numbers in
      let word = String(decoding: word, as: UTF8.self)
      guard asked.contains(word) else { return }
      known[word] = Set(
        numbers.split(separator: 0x20).compactMap { Int32(String(decoding: $0, as: UTF8.self)) })
    }
    var sets: [String: Set<Int32>] = [:]
    for word in words {
      var own = known[word] ?? []
      // All irregular base forms count, of the regular ones the first that there is.
      let bases = (candidates[word] ?? []).lazy.compactMap { known[$0] }
      for other in irregular[word] == nil ? Array(bases.prefix(1)) : Array(bases) { own.formUnion(other) }
      if !own.isEmpty { sets[word] = own }
    }
    self.sets = sets
  }

  /// Whether two words share a set.
  func share(_ first: String, _ second: String) -> Bool {
    guard let own = sets[first], let other = sets[second] else { return false }
    return !own.isDisjoint(with: other)
  }

  /// The base forms that a word may be a regular form of, the likeliest first.
  private static func bases(of word: String) -> [String] {
    func without(_ count: Int, _ ending: String = "") -> String { String(word.dropLast(count)) + ending }
    guard word.unicodeScalars.count > 2 else { return [] }
    if word.hasSuffix("s") {
      if word.hasSuffix("ss") { return [] }
      return [without(1)] + (word.hasSuffix("ies") ? [without(3, "y")] : [])
        + (word.hasSuffix("es") ? [without(2)] : [])
    }
    if word.hasSuffix("ed") { return [without(1), without(2)] }
    if word.hasSuffix("ing") { return [without(3, "e"), without(3)] }
    if word.hasSuffix("er") { return [without(2), without(1)] }
    if word.hasSuffix("est") { return [without(3), without(2)] }
    return word.hasSuffix("men") ? [without(3, "man")] : []
  }

  /// Two lines at a time.
  static func pairs(_ bytes: [UInt8], _ body: (ArraySlice<UInt8>, ArraySlice<UInt8>) -> Void) {
    var first: ArraySlice<UInt8>?
    for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
      if let word = first {
        body(word, line)
        first = nil
      } else {
        first = line
      }
    }
  }
}
