/// Keras 3's names of groups of variables: the class in snake case, and a number from the second of a class on.
struct KerasNames {
  private var counts: [String: Int] = [:]

  mutating func next(_ className: String) -> String {
    let name = Self.snakeCase(className)
    let count = counts[name, default: 0]
    counts[name] = count + 1
    return count == 0 ? name : "\(name)_\(count)"
  }

  /// `re.sub(r"\W+", "")`, then an underscore before a capital that begins a word: LSTM is lstm, SimpleRNN simple_rnn,
  /// Conv1D conv1d.
  static func snakeCase(_ name: String) -> String {
    let letters = name.filter { $0.isLetter || $0.isNumber || $0 == "_" }
    func isUpper(_ letter: Character) -> Bool { letter.isUppercase }
    // (.)([A-Z][a-z]+) → \1_\2
    var first: [Character] = []
    let all = Array(letters)
    var index = 0
    while index < all.count {
      if index > 0, isUpper(all[index]), index + 1 < all.count, all[index + 1].isLowercase {
        first.append("_")
      }
      first.append(all[index])
      index += 1
    }
    // ([a-z])([A-Z]) → \1_\2
    var second: [Character] = []
    for (index, letter) in first.enumerated() {
      if index > 0, isUpper(letter), first[index - 1].isLowercase { second.append("_") }
      second.append(letter)
    }
    return String(second).lowercased()
  }
}
