import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateCells

@Suite("Mistakes in a cell's text")
struct CellTextReaderTests {
  private func error(_ bytes: [UInt8], file: String? = nil) -> CellTextError? {
    do throws(CellTextError) {
      _ = try CellTextReader.cell(bytes, file: file)
      return nil
    } catch { return error }
  }

  /// The message and the excerpt for a right text with one part replaced.
  private func message(_ part: String, _ wrong: String) -> String {
    let text = CellTextTests.typed
    precondition(text.contains(part), "the text has no '\(part)'")
    let found = error(Array(text.replacing(part, with: wrong, maxReplacements: 1).utf8), file: "my.cell")
    return found.map { $0.description + "\n" + ($0.excerpt ?? "") } ?? "none"
  }

  @Test("The place is file, line and column, with a caret below it and the nearest names")
  func place() {
    #expect(
      message("W_f x + U_f h", "W_f x + U_ff h") == """
        my.cell:11:21: unknown name 'U_ff'; did you mean U_f or U_g or U_i?
        f = sigmoid(W_f x + U_ff h + b_f)
                            ^
        """)
  }

  @Test(
    "Each mistake is found where it stands",
    arguments: [
      ("cell lstm:", "cel lstm:", "2:1: expected 'cell NAME: SUMMARY', found 'cel'"),
      ("cell lstm: long", "cell : long", "2:6: expected 'cell NAME: SUMMARY', found no name"),
      ("cell lstm:", "cell a,b:", "2:6: 'a,b' is no name"),
      ("state h", "sttae h", "5:1: unknown name 'sttae'; did you mean state"),
      ("state h, c", "state h, h", "5:10: the name 'h' is used twice"),
      ("state h, c", "state h,", "5:17: expected a state's name, found the end of the line"),
      ("state h, c", "state h size Q, c", "5:14: unknown name 'Q'"),
      ("state h, c", "state h size, c", "5:13: expected the size H or P, found ','"),
      ("state h, c", "state h size P, c", "15:8: next value of state 'h': expected projection size P"),
      ("(i, f, g, o)\n", "(i, f, g, o) rows 3\n", "6:42: expected the size H or P, found the number 3"),
      ("(i, f, g, o)\n", "(i, f, g, o) size P\n", "6:37: expected 'start' or the end of the line"),
      ("state h, c", "state h c", "5:9: expected ',' or the end of the line, found 'c'"),
      ("W = weight_ih", "W = ", "6:15: expected the parameter's name in files, such as weight_ih, found '('"),
      ("(i, f, g, o)\n", "(i, f, g, o\n", "6:35: expected ',' or ')', found the end of the line"),
      ("(i, f, g, o)\n", "(i, f, f, o)\n", "6:14: the name 'weight_ih.f' is used twice"),
      ("(i, f, g, o)\n", "(i, f, g, o, e)\n", "6:37: 'weight_ih.e' is never used"),
      ("starts orthogonal", "starts ortogonal", "7:44: unknown name 'ortogonal'"),
      ("f at 1", "p at 1", "8:54: unknown name 'p'"),
      ("f at 1", "i at 1", "8:54: the name 'i' is used twice"),
      ("f at 1", "f at one", "8:59: expected a number, found 'one'"),
      ("f at 1", "f at 1 to", "8:64: expected a number, found 'chrono'"),
      (
        "starts orthogonal", "start at 0 to 1",
        "7:14: start of 'weight_hh': expected one number, as a matrix has none for each unit"
      ),
      ("state h, c", "fixed state h, c", "5:7: expected 'matrix', 'vector' or 'scalar', or several of them"),
      ("i = sig", "i sig", "10:1: expected a declaration"),
      ("f * c", "f^c * c", "14:8: expected a number other than 0 as the power, found 'c'"),
      ("f * c", "f^0 * c", "14:8: expected a number other than 0 as the power, found the number 0"),
      ("f * c", "f * c_{t-65}", "14:10: state 'c': expected a value at t−1 to t−64, found t−65"),
      ("U_i h", "U_i^2 h", "10:25: expected 'T', the transpose of the matrix, found the number 2"),
      ("U_i h", "W_iᵀ h", "10:21: the transpose of 'weight_ih': expected a matrix that multiplies states"),
      ("W_i x", "W_i * x", "10:17: expected what the matrix W_i multiplies, without a sign"),
      ("W_i x", "W_i", "10:17: expected what the matrix W_i multiplies"),
      ("+ b_i)", "+ b_i", "10:32: expected an operator or ')', found the end of the line"),
      ("+ b_i)", "+ b_i h)", "10:33: expected an operator; '⊙' or '*' multiplies elementwise, found 'h'"),
      ("+ b_i)", "+ )", "10:29: expected a value, found ')'"),
      ("+ b_i)", "+ x)", "10:27: an operand of add: expected hidden size H"),
      ("+ b_i)", "+ W_i 1)", "10:29: operand of 'weight_ih': expected the input, a state or a value"),
      ("= sigmoid(W_i", "= sigmod(W_i", "10:5: unknown name 'sigmod'; did you mean sigmoid?"),
      ("= tanh(W_g", "= tanh W_g", "12:10: expected '(' after tanh, found 'W_g'"),
      ("c' = f", "c = f", "14:1: expected its new value, cₜ or c', found 'c', the state at t−1"),
      ("c' = f * c", "c' = f * c''", "14:10: expected 'c' with one prime"),
      ("c' = f * c", "c' = f' * c", "14:6: expected 'f' alone"),
      ("c' = f * c", "c' = c' * c", "14:1: cycle cₜ → cₜ"),
      ("c' = f", "x' = f", "14:1: expected a state or a new name, found 'x′', the input"),
      ("c' = f", "W_i = f", "14:1: expected a state or a new name, found 'W_i', a parameter"),
      ("c' = f", "h' = f", "15:1: state 'h' is assigned twice"),
      ("c' = f", "k = f", "5:10: state 'c' is never assigned"),
      ("i*g", "i*g ? 1", "14:18: expected a name, a number or an operator, found the character '?'"),
      ("i*g", "i*1e99", "14:16: expected a number within Float32's range, found '1e99'"),
      ("h' =", "k = f * g\nh' =", "15:1: 'k' is never used"),
      ("h' =", "let k = f * c\nh' =", "15:5: 'k' is never used"),
      ("h' =", "cell k\nh' =", "15:1: expected one cell a file, found a second cell"),
      ("tanh(c')", "tanh(`c)", "15:15: expected a '`' that ends the name"),
      ("bias (", "bias` (", "8:17: expected a '`' that ends the name"),
      ("comment", "comment\nsource again", "4:1: the name 'source' is used twice"),
      ("a forget gate", "a forget \\gate", "2:49: expected '\\\\', '\\#' or '\\u{…}', found a lone '\\'"),
    ])
  func mistakes(part: String, wrong: String, expected: String) {
    let found = message(part, wrong)
    #expect(found.hasPrefix("my.cell:" + expected), "\(found)")
  }

  @Test("A text without a file says line and column")
  func withoutFile() {
    #expect(
      error([])?.description == "line 1, column 1: expected 'cell NAME: SUMMARY', found the end of the line")
    #expect(error(Array("cell a".utf8))?.description.hasPrefix("line 1, column 6: no state") == true)
  }

  @Test("Bytes that are no UTF-8 are found in their line")
  func bytes() {
    let text = Array("cell a: b\nstate h".utf8)
    #expect(error(text + [0xFF])?.description == "line 2, column 8: expected UTF-8 text, found other bytes")
    #expect(error([0x80])?.description == "line 1, column 1: expected UTF-8 text, found other bytes")
    let zero = error(text + [0])
    #expect(zero?.description.contains("the character '\\u{0}'") == true)
    #expect(zero?.excerpt == "state h \n       ^")
  }

  @Test("A long line is shown where the mistake is")
  func longLine() {
    let line =
      "cell a\nstate h\nh' = " + String(repeating: "h + ", count: 100) + "?"
      + String(repeating: " + h", count: 100)
    let excerpt = error(Array(line.utf8))?.excerpt?.split(separator: "\n").map(Array.init) ?? []
    #expect(excerpt.count == 2 && excerpt[0].count < 130)
    #expect(excerpt[0][excerpt[1].count - 1] == "?")
  }

  @Test("Texts that would exhaust memory, time or the stack are refused")
  func limits() {
    let start = "cell a\nstate h\nmatrix W\n"
    func refused(_ text: String) -> String { error(Array((start + text).utf8))?.description ?? "none" }
    #expect(refused(String(repeating: " ", count: 1 << 18)).contains("bytes; expected at most 262144"))
    #expect(refused(String(repeating: "\n", count: 20_000)).contains("20004 lines; expected at most 10000"))
    for open in ["(", "tanh(", "-", "W ", "(W "] {
      let found = refused("h' = " + String(repeating: open, count: 40_000))
      #expect(found.contains("levels of nesting; expected at most 100"), "\(open)")
    }
    #expect(refused("h' = W x" + String(repeating: " + h", count: 60_000)).contains("operations; expected"))
    // Chains of values, each of which is small.
    let forward = (0..<8000).map { "v\($0) = tanh(v\($0 + 1))\n" }.joined()
    #expect(refused("h' = W x + v0\nv8000 = tanh(h)\n" + forward).contains("4097 nodes; at most 4096"))
    let names = String(repeating: "W", count: 100_000)
    #expect(refused("h' = \(names) x").contains("unknown name 'WWW"))
  }

  @Test("The largest cells are compiled, in chains and in doublings")
  func largest() throws {
    let start = "cell a\nstate h\nmatrix W\nh' = W x + v0\n"
    for operation in ["tanh(N)", "N + h", "N * N", "h - N"] {
      let count = 1300
      let chain = (0..<count).map { index in
        "v\(index) = " + operation.replacing("N", with: "v\(index + 1)") + "\n"
      }
      let cell = try Cell(text: start + chain.joined() + "v\(count) = tanh(h)\n")
      #expect(cell.names.count == count + 1)
      #expect(try Cell(text: cell.text).text == cell.text)
    }
  }

  /// Texts near right ones: whatever comes, a cell or a mistake with its place.
  @Test("Random changes of right texts end with a cell or a mistake", arguments: 0..<8 as Range<UInt64>)
  func fuzz(_ seed: UInt64) throws {
    var stream = RandomStream(seed: seed, name: "fuzz")
    func number(_ bound: Int) -> Int { min(bound - 1, Int(stream.uniform() * Float(bound))) }
    let texts = [CellTextTests.typed] + Cell.allAndOdd.map(\.text) + [try randomCell(seed).text]
    let pieces = [
      "(", ")", "=", ",", "*", "-", "′", "'", "ₜ", "ₜ₋₁", "₋", "`", "#", "\\", "\n", "\r", "\u{0}", "\u{301}",
      "let ", "start ", "at ", "chrono ", "tanh", "σ", "1e9", ".", " h", "x", "cell ", "state ", "W_i ", "🧠",
    ].map { Array($0.utf8) }
    for _ in 0..<400 {
      var bytes = Array(texts[number(texts.count)].utf8)
      for _ in 0..<1 + number(4) {
        let place = number(bytes.count + 1)
        switch number(6) {
        case 0: bytes.insert(contentsOf: pieces[number(pieces.count)], at: place)
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + 1 + number(12)))
        case 2: if place < bytes.count { bytes[place] = UInt8(number(256)) }
        case 3: bytes = Array(bytes[..<place])
        case 4:
          bytes.insert(
            contentsOf: bytes[place..<min(bytes.count, place + number(60))], at: number(bytes.count + 1))
        default: bytes.insert(UInt8(number(128)), at: place)
        }
      }
      do throws(CellTextError) {
        let cell = try CellTextReader.cell(bytes, file: nil)
        #expect(try Cell(text: cell.text).text == cell.text)
      } catch {
        guard case .mistake(_, let place) = error else {
          Issue.record("\(error)")
          continue
        }
        #expect(place.line >= 1 && place.column >= 1)
        #expect(!error.description.contains { $0.isNewline } && error.description.count < 600)
      }
    }
  }
}
