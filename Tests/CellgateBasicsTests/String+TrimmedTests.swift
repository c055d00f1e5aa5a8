import CellgateBasics
import Testing

@Suite("White space at the ends")
struct TrimmedTests {
  @Test(
    "It goes at both ends and stays in the middle",
    arguments: [
      ("", ""), (" \t\r\n ", ""), ("a", "a"), ("  a b\u{A0}", "a b"), ("\n\na\nb\n", "a\nb"),
    ])
  func ends(_ text: String, _ expected: String) { #expect(text.trimmed == expected) }
}
