import CellgateBasics
import Foundation
import Testing

@Suite("Formats of numbers")
struct PrintfTests {
  @Test(
    "Numbers are written as Foundation writes them",
    arguments: ["%.0f", "%.1f", "%.7f", "%.2e", "%.1e GB", "%.2f %%"])
  func numbers(_ format: String) {
    for value in [0, -0.0, 1.5, 2.5, 0.05, 1 / 3, 123_456.789, 1e-300, 1.7e308, .infinity, -.infinity, .nan] {
      #expect(String.printf(format, value) == String(format: format, value))
    }
  }

  @Test("Several whole numbers, with zeros in front")
  func times() { #expect(String.printf("%d:%02d:%02d", 1, 2, 33) == "1:02:33") }
}
