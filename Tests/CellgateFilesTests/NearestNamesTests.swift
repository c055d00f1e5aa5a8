import Testing

@testable import CellgateFiles

@Suite("Nearest names")
struct NearestNamesTests {
  @Test(
    "The edit distance counts insertions, deletions, replacements and swaps",
    arguments: [
      ("", "", 0), ("abc", "abc", 0), ("abc", "ab", 1), ("abc", "acb", 1), ("kitten", "sitting", 3),
    ])
  func distance(first: String, second: String, expected: Int) {
    #expect(editDistance(first, second) == expected)
    #expect(editDistance(second, first) == expected)
  }

  @Test("A misspelt name finds the one meant, a strange one none")
  func nearest() {
    let known = ["rnn-tanh", "gru", "lstm", "lstm-ph", "lstm-wm"]
    #expect(nearestNames(to: "ltsm", among: known).first == "lstm")
    #expect(nearestNames(to: "LSTM_WM", among: known).first == "lstm-wm")
    #expect(nearestNames(to: "rnn", among: known) == ["rnn-tanh"])
    #expect(nearestNames(to: "transformer", among: known) == [])
    #expect(nearestNames(to: "", among: known) == [])
  }
}
