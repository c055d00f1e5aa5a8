import CellgateBasics
import CellgateTensor
import Testing

@Suite struct RequireTests {
  /// What a program that ends says, which is the same in debug and release builds.
  private func lines(_ result: ExitTest.Result?) -> [String] {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self).split(separator: "\n").map(
      String.init)
  }

  @Test("A condition that holds costs no message")
  func holds() {
    var messages = 0
    func message() -> String {
      messages += 1
      return ""
    }
    require(1 + 1 == 2, message())
    #expect(messages == 0)
  }

  @Test("One that does not ends the program with its message in one line")
  func broken() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      require(1 + 1 == 3, "sum: expected \(3), found \(1 + 1)", line: 7)
    }
    #expect(
      lines(result).first == "CellgateBasicsTests/RequireTests.swift:7: Fatal error: sum: expected 3, found 2"
    )
  }

  @Test("What only a programmer gets wrong says what was expected and what was found")
  func programmers() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor([1, 2, 3]).reshaped([2, 2])
    }
    let line = lines(result).first ?? ""
    #expect(line.hasPrefix("CellgateTensor/Shaping.swift:"))
    #expect(line.hasSuffix(": Fatal error: reshaped: expected a shape of 3 numbers as [3] has, found [2, 2]"))
  }
}
