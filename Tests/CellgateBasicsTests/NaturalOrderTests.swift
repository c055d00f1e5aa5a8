import CellgateBasics
import Foundation
import Testing

@Suite("The order of names")
struct NaturalOrderTests {
  static let names = [
    "", "run", "run1", "run2", "run10", "Run3", "run02", "run1-b", "run1a", "a1b2", "a1b10", "a01b2", "b",
    "B", "seed=1", "10", "9",
    "010",
  ]

  @Test("Numbers count as numbers, and case decides nothing but ties")
  func order() {
    #expect(
      ["run10", "Run2", "run1", "b", "A"].sorted(by: naturallyPrecedes) == [
        "A", "b", "run1", "Run2", "run10",
      ])
    #expect(["x007", "x7", "x6"].sorted(by: naturallyPrecedes).first == "x6")
  }

  @Test(
    "It is an order: of two names exactly one comes first, unless they are the same, and it is transitive")
  func laws() {
    for a in Self.names {
      for b in Self.names {
        #expect((naturallyPrecedes(a, b) || naturallyPrecedes(b, a)) == (a != b))
        #expect(!(naturallyPrecedes(a, b) && naturallyPrecedes(b, a)))
        for c in Self.names where naturallyPrecedes(a, b) && naturallyPrecedes(b, c) {
          #expect(naturallyPrecedes(a, c), "\(a), \(b), \(c)")
        }
      }
    }
  }
}
