import Testing

@Suite("Bad options")
struct BadOptionTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var line: String
    var status: Int32 = 64
    /// Texts that standard error has, a line each.
    var expected: [String]
    var testDescription: String { line }
  }

  static let cases = [
    Case(line: "compair", expected: ["did you mean compare?"]),
    Case(line: "cells lstm-mw", expected: ["unknown cell 'lstm-mw'; did you mean lstm-wm"]),
    Case(line: "cells qqqqqqqqqqqqqqqqqqq", expected: ["expected rnn-tanh, rnn-relu, gru"]),
    Case(line: "cells --hidden 0", expected: ["--hidden: expected a whole number from 1 to"]),
    Case(line: "cells --hidden 99999999999999999999", expected: ["found '99999999999999999999'"]),
    Case(line: "cells --hidden 268435456 --input 268435457", expected: ["--input: expected"]),
    Case(line: "cells --latex", expected: ["--latex: expected the name of a cell"]),
    Case(line: "cells lstm --latex --json", expected: ["--latex and --json"]),
    Case(line: "cells --bogus", expected: ["--bogus"]),
    Case(line: "bench --precision bf16", expected: ["--precision: bf16 is not supported"]),
    Case(line: "bench --precision f16", expected: ["unknown precision 'f16'"]),
    Case(
      line: "bench --cell lstn --hidden -3 --steps x --repeats 0",
      expected: [
        "unknown cell 'lstn'; did you mean lstm", "--steps: expected a whole number", "--hidden: expected",
        "--repeats: expected",
      ]),
    Case(line: "data fetch minst", expected: ["unknown data set 'minst'; did you mean mnist?"]),
    Case(line: "data verify", expected: ["<name>"]),
    Case(
      line: "data verify mnist --data no-such-folder", status: 66,
      expected: Array(repeating: "missing", count: 4)),
    Case(
      line: "data fetch mnist --data no/such --mirror ftp://x", status: 74, expected: ["not an http address"]),
  ]

  @Test("A mistake is told in one line and an exit code, and nothing is printed", arguments: cases)
  func refused(bad: Case) throws {
    let workplace = try Workplace()
    let run = try workplace.run(line: bad.line)
    #expect(run.status == bad.status)
    #expect(run.output.isEmpty)
    #expect(run.errorLines.count == bad.expected.count, "\(run.error)")
    for line in run.errorLines { #expect(line.hasPrefix("cellgate: ")) }
    for text in bad.expected {
      #expect(run.errorLines.contains { $0.contains(text) }, "'\(text)' is missing in\n\(run.error)")
    }
    #expect(!workplace.has("runs"))
  }
}
