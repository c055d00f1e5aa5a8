import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateCells

/// The registry, an odd cell, and cells of random equations.
private let cells: [Cell] =
  Cell.allAndOdd
  + (0..<200 as Range<UInt64>).map { seed in
    do { return try randomCell(seed) } catch { preconditionFailure("random cell \(seed): \(error)") }
  }

@Suite("Cells as text")
struct CellTextTests {
  @Test("What was printed reads back as the same graph, plan and parameters", arguments: cells)
  func sameCell(_ cell: Cell) throws {
    let read = try Cell(text: cell.text)
    #expect(read.name == cell.name && read.summary == cell.summary && read.source == cell.source)
    #expect(read.states == cell.states && read.stateSizes == cell.stateSizes)
    #expect(read.graph.nodes == cell.graph.nodes, "\(cell.text)")
    #expect(read.next == cell.next)
    #expect(read.names.map(\.name) == cell.names.map(\.name))
    #expect(read.names.map(\.node) == cell.names.map(\.node))
    #expect(read.equationOrder == cell.equationOrder)
    #expect(read.parameters.map(\.name) == cell.parameters.map(\.name))
    #expect(read.parameters.map(\.gates) == cell.parameters.map(\.gates))
    #expect(read.parameters.map(\.columns) == cell.parameters.map(\.columns))
    #expect(read.parameters.map(\.rows) == cell.parameters.map(\.rows))
    #expect(read.parameters.map(\.start) == cell.parameters.map(\.start))
    #expect(read.parameters.map(\.isFixed) == cell.parameters.map(\.isFixed))
    #expect("\(read.plan)" == "\(cell.plan)")
  }

  @Test("What was printed and read has the same bits, forward and backward", arguments: cells)
  func sameBits(_ cell: Cell) throws {
    func bits(_ cell: Cell) -> [[UInt64]] {
      Problem(cell, T: 3, B: 2, I: 2, H: 3, lengths: [3, 2]).fast().parts(cell).map { $0.1.map(\.bitPattern) }
    }
    #expect(bits(try Cell(text: cell.text)) == bits(cell))
  }

  @Test("Printing what was read changes nothing", arguments: cells)
  func fixedPoint(_ cell: Cell) throws {
    let again = try Cell(text: cell.text).text
    #expect(again == cell.text, "\(again)")
    #expect(cell.text.hasSuffix("\n") && !cell.text.hasSuffix("\n\n"))
  }

  @Test("The equations in the text are those of the page", arguments: cells)
  func equations(_ cell: Cell) {
    let lines = cell.text.split(separator: "\n").map(String.init)
    #expect(lines.suffix(cell.equations().count) == cell.equations()[...])
  }

  @Test("LSTM-WM's text is its paper")
  func workingMemory() {
    #expect(
      Cell.lstmWM.text == """
        cell lstm-wm: LSTM with working memory connections: gates see tanh(W c)
        source Landi et al. 2021, https://arxiv.org/abs/2109.00020

        states h, c
        matrices W_*x = weight_ih (i, f, g, o)
        matrices W_*h = weight_hh (i, f, g, o) start orthogonal
        matrices W_*c = weight_mh (i, f, o)
        vectors b_* = bias (i, f, g, o) start i at 0 chrono −, f at 1 chrono +

        iₜ = σ(W_ix xₜ + W_ih hₜ₋₁ + tanh(W_ic cₜ₋₁) + b_i)
        fₜ = σ(W_fx xₜ + W_fh hₜ₋₁ + tanh(W_fc cₜ₋₁) + b_f)
        gₜ = tanh(W_gx xₜ + W_gh hₜ₋₁ + b_g)
        cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ
        oₜ = σ(W_ox xₜ + W_oh hₜ₋₁ + tanh(W_oc cₜ) + b_o)
        hₜ = oₜ ⊙ tanh(cₜ)

        """)
  }

  /// The LSTM as somebody types it, with letters of his own.
  static let typed = """
    # An LSTM, in ASCII.
    cell lstm: long short-term memory with a forget gate
    source Gers et al. 2000, https://doi.org/10.1162/089976600300015015   # a comment

    state h, c        # the first is the output
    matrices W = weight_ih (i, f, g, o)
    matrices U = weight_hh (i, f, g, o) starts orthogonal
    vectors b = bias (i, f, g, o) start i at 0 chrono -, f at 1 chrono +

    i = sigmoid(W_i x + U_i h + b_i)
    f = sigmoid(W_f x + U_f h + b_f)
    g = tanh(W_g x + U_g h + b_g)
    o = sigmoid(W_o x + U_o h + b_o)
    c' = f * c + i*g
    h' = o * tanh(c')
    """

  @Test("ASCII spellings and other letters are the same cell")
  func ascii() throws {
    let typed = try Cell(text: Self.typed)
    #expect(typed.graph.nodes == Cell.lstm.graph.nodes && "\(typed.plan)" == "\(Cell.lstm.plan)")
    #expect(typed.parameters.map(\.start) == Cell.lstm.parameters.map(\.start))
    #expect(typed.source == Cell.lstm.source && typed.summary == Cell.lstm.summary)
    #expect(typed.equations()[0] == "iₜ = σ(W_i xₜ + U_i hₜ₋₁ + b_i)")
    for other in [Self.typed.replacing("\n", with: "\r\n"), "\u{FEFF}" + Self.typed] {
      #expect(try Cell(text: other).text == typed.text)
    }
  }

  @Test("Times are written in four ways, and a symbol may look like one of them")
  func times() throws {
    let text =
      "cell a\nstate h\nmatrices W = w (t, u)\nmatrix U = u\ni = W_t x + U h\nh' = tanh(W_u x) * i + h"
    let expected = try Cell(text: text).text
    for line in [
      "h_t = tanh(W_u x_t) * i_t + h_{t-1}", "hₜ = tanh(W_u xₜ) * iₜ + hₜ₋₁",
      "h_{t} = tanh(W_u x_{t}) * i_{t} + h_{t−1}", "h′ = tanh(W_u x) * i + h",
    ] {
      let other = text.replacing("h' = tanh(W_u x) * i + h", with: line)
      #expect(try Cell(text: other).text == expected, "\(line)")
      #expect(try Cell(text: other.replacing("i = W_t", with: "i_t = W_t")).text == expected)
    }
  }

  @Test("Operators bind as in mathematics, and parentheses are printed where they change the graph")
  func precedence() throws {
    func line(_ right: String) throws -> String {
      let cell = try Cell(
        text: "cell a\nstates h, c\nmatrix W = w\nmatrix U = u\nh' = \(right)\nc' = W x + U h")
      return String(cell.equations()[0].dropFirst("hₜ = ".count))
    }
    for (typed, printed) in [
      ("h + c + h", "hₜ₋₁ + cₜ₋₁ + hₜ₋₁"), ("h + (c + h)", "hₜ₋₁ + (cₜ₋₁ + hₜ₋₁)"),
      ("h - (c - h)", "hₜ₋₁ − (cₜ₋₁ − hₜ₋₁)"), ("h*c*h", "hₜ₋₁ ⊙ cₜ₋₁ ⊙ hₜ₋₁"),
      ("h*(c*h)", "hₜ₋₁ ⊙ (cₜ₋₁ ⊙ hₜ₋₁)"), ("-h*c", "−hₜ₋₁ ⊙ cₜ₋₁"), ("(-h)*c", "(−hₜ₋₁) ⊙ cₜ₋₁"),
      ("h * -c", "hₜ₋₁ ⊙ (−cₜ₋₁)"), ("-1*h", "(−1) ⊙ hₜ₋₁"), ("-(1*h)", "−(1 ⊙ hₜ₋₁)"),
      ("h - -1", "hₜ₋₁ − (−1)"),
      ("-(1) + h", "−(1) + hₜ₋₁"), ("h/c/h", "hₜ₋₁ ÷ cₜ₋₁ ÷ hₜ₋₁"), ("h/(c*h)", "hₜ₋₁ ÷ (cₜ₋₁ ⊙ hₜ₋₁)"),
      ("h * U c", "hₜ₋₁ ⊙ W_h cₜ₋₁"), ("U (h*c)", "W_h (hₜ₋₁ ⊙ cₜ₋₁)"),
      ("U tanh(c) + 0.50", "U tanh(cₜ₋₁) + 0.5"),
      ("1e-7 * h", "1e-07 ⊙ hₜ₋₁"), (".5 + h·c", "0.5 + hₜ₋₁ ⊙ cₜ₋₁"), ("U U h", "U (U hₜ₋₁)"),
    ] {
      let found = try line(typed)
      #expect(found.replacing("W_h", with: "U") == printed.replacing("W_h", with: "U"), "\(typed)")
    }
  }

  @Test("A gate's starts, one for all, and a matrix of constants")
  func starts() throws {
    let cell = try Cell(
      text: """
        cell a
        state h
        matrix W start zero
        matrices U = u (p, q) start at 0.5
        vectors b = bias (p, q) start q at -2 chrono - 3
        vector v start at 1 chrono +
        h' = W x + U_p h + U_q h + b_p + b_q * v
        """)
    #expect(cell.parameters[0].start == .zero && cell.parameters[0].name == "W")
    #expect(cell.parameters[1].start == .perGate([GateBias(0.5), GateBias(0.5)]))
    #expect(cell.parameters[2].start == .perGate([.zero, GateBias(-2, chronoSign: -3)]))
    #expect(cell.parameters[3].start == .perGate([.forget]))
    #expect(cell.text.contains("matrices U_* = u (p, q) start at 0.5\n"))
    #expect(cell.text.contains("vectors b_* = bias (p, q) start q at −2 chrono −3\n"))
  }

  @Test("Fixed parameters, and starts that go from unit to unit")
  func fixed() throws {
    let cell = try Cell(
      text: """
        cell a
        state h
        matrix W = w
        fixed matrices U = u (p, q) start orthogonal
        fixed vector τ = tau start at 2 to 70
        vectors b = bias (p, q) start p at −1 to 1, q at 3 chrono +
        fixed scalar a start at 0.3
        h' = a * (W x + U_p h + U_q h + b_p + b_q) / τ
        """)
    #expect(cell.parameters.map(\.isFixed) == [false, true, true, false, true])
    #expect(cell.parameters[2].start == .perGate([GateBias(2, to: 70)]))
    #expect(cell.parameters[3].start == .perGate([GateBias(-1, to: 1), GateBias(3, chronoSign: 1)]))
    #expect(GateBias(2, to: 70).values(3) == [2, 36, 70] && GateBias(2, to: 70).values(1) == [2])
    #expect(
      cell.text.contains(
        "fixed matrices U_* = u (p, q) start orthogonal\nfixed vector τ = tau start at 2 to 70\n"))
    #expect(
      cell.text.contains(
        "vectors b_* = bias (p, q) start p at −1 to 1, q at 3 chrono +\nfixed scalar a start at 0.3\n"))
    #expect(cell.parameterCount(inputSize: 2, hiddenSize: 5) == 10 + 10)
    let read = try Cell(text: cell.text)
    #expect(read.isSame(as: cell) && read.text == cell.text)
    // What is learned is part of what a cell is.
    let learned = try Cell(text: cell.text.replacing("fixed vector", with: "vector"))
    #expect(!learned.isSame(as: cell) && learned.canonicalText != cell.canonicalText)
    #expect(
      cell.pyTorch.contains("register_buffer(\"tau\" + suffix, torch.linspace(2.0, 70.0, hidden_size))"))
    #expect(cell.pyTorch.contains("register_buffer(\"a\" + suffix, torch.full((1,), 0.3))"))
    #expect(cell.pyTorch.contains("register_parameter(\"w\" + suffix, "))
  }

  @Test("States, vectors and rows of matrices say their size unless it is H")
  func sizes() throws {
    let text = Cell.projected.text
    #expect(text.contains("states h size P, c\n"))
    #expect(text.contains("= weight_hr rows P\n"))
    let cell = try Cell(
      text: """
        cell a
        states h size H, m size P
        matrices W = w (p, q) rows P start orthogonal
        matrix R = r rows H
        vectors b = bias (p, q) size P start q at 1
        m' = W_p x * m + W_q x + b_p + b_q
        h' = R m' + h
        """)
    #expect(cell.stateSizes == [.hidden, .projection])
    #expect(cell.parameters.map(\.rows) == [.projection, .hidden, .projection])
    #expect(cell.text.contains("states h, m size P\n"))
    #expect(cell.text.contains("matrices W_* = w (p, q) rows P start orthogonal\n"))
    #expect(cell.text.contains("matrix R = r\n"))
    #expect(cell.text.contains("vectors b_* = bias (p, q) size P start q at 1\n"))
  }

  @Test("Scalars, transposes, powers and states further back are read in every spelling")
  func scalarsAndTransposes() throws {
    let text = """
      cell a
      states h, m size P
      matrix W = w
      matrices U = u (p, q)
      matrix V = v rows P
      scalar α = alpha start at −3
      scalars s = scale (p, q) size P start q at 1 chrono +
      h' = α * (U_p^T h + U_qᵀ h_{t-3} + W x) ^ 2 + V^T m'
      m' = s_p * m + s_q * (1 + V h) ^ 2.5
      """
    let cell = try Cell(text: text)
    #expect(
      cell.states == ["h", "m", "h_2", "h_3"] && cell.stateSizes == [.hidden, .projection, .hidden, .hidden])
    #expect(cell.parameters.map(\.isScalar) == [false, false, false, true, true])
    let shapes = cell.parameters.map { $0.shape(inputSize: 2, hiddenSize: 5, projectionSize: 3) }
    #expect(shapes == [[5, 2], [10, 5], [3, 5], [1], [2]])
    #expect(cell.parameterCount(inputSize: 2, hiddenSize: 5, projectionSize: 3) == 10 + 50 + 15 + 3)
    #expect(cell.text.contains("scalar α = alpha start at −3\n"))
    #expect(cell.text.contains("scalars s_* = scale (p, q) size P start q at 1 chrono +\n"))
    let lines = cell.equations()
    #expect(lines.contains("h_2ₜ = hₜ₋₁") && lines.contains("h_3ₜ = h_2ₜ₋₁"))
    #expect(lines.contains("let m1 = U_pᵀ hₜ₋₁ + U_qᵀ h_3ₜ₋₁ + W xₜ"))
    #expect(cell.latex.contains("U_{p}^{\\top} h_{t-1}"))
    #expect(try Cell(text: cell.text).text == cell.text)
    for other in ["h_{t−3}", "hₜ₋₃"] {
      let same = text.replacing("h_{t-3}", with: other).replacing("U_p^T", with: "U_pᵀ")
      #expect(try Cell(text: same).text == cell.text)
    }
    // What a cell in Swift says so.
    let swift = try Cell("a") { cell in
      let x = cell.input, h = cell.state("h"), m = cell.state("m", size: .projection)
      let W = cell.matrix("w"), U = cell.matrices("u", gates: "p", "q"),
        V = cell.matrix("v", rows: .projection)
      let a = cell.scalar("alpha", start: GateBias(-3))
      let s = cell.scalars("scale", gates: "p", "q", size: .projection, start: ["q": .forget])
      let sum = U.p.transposed(h) + U.q.transposed(cell.earlier(h, by: 3)) + W(x)
      cell.next(h, a * sum.raised(to: 2) + V.transposed(cell.next(m)))
      cell.next(m, s.p * m + s.q * (1 + V(h)).raised(to: 2.5))
    }
    #expect(swift.isSame(as: cell))
  }

  @Test("A transpose is put in backticks where another parameter is called so")
  func transposeOfAnotherName() throws {
    let cell = try Cell(
      text: "cell a\nstate h\nmatrix W = w\nmatrix Wᵀ = u\nmatrix V = v\nh' = W h + W^T h + Wᵀ h + V x")
    #expect(cell.equations() == ["hₜ = W hₜ₋₁ + `W`ᵀ hₜ₋₁ + Wᵀ hₜ₋₁ + V xₜ"])
    let read = try Cell(text: cell.text)
    #expect(read.graph.nodes == cell.graph.nodes && read.text == cell.text)
  }

  @Test(
    "A constant power is products, a quotient, a root or an exponential",
    arguments: [
      ("h ^ 1", "hₜ₋₁"), ("h^2", "hₜ₋₁ ⊙ hₜ₋₁"), ("h^3", "hₜ₋₁ ⊙ (hₜ₋₁ ⊙ hₜ₋₁)"), ("h ^ −1", "1 ÷ hₜ₋₁"),
      ("h ^ 0.5", "sqrt(hₜ₋₁)"), ("h ^ 1.5", "sqrt(hₜ₋₁) ⊙ hₜ₋₁"), ("h ^ 0.3", "exp(0.3 ⊙ log(hₜ₋₁))"),
      ("−h^2", "−hₜ₋₁ ⊙ hₜ₋₁"), ("U h^2", "U (hₜ₋₁ ⊙ hₜ₋₁)"), ("(U h)^-0.5", "1 ÷ sqrt(U hₜ₋₁)"),
      ("2^3 * h", "2 ⊙ (2 ⊙ 2) ⊙ hₜ₋₁"),
    ])
  func powers(typed: String, printed: String) throws {
    let cell = try Cell(text: "cell a\nstate h\nmatrix W = w\nmatrix U = u\nh' = \(typed) + W x + U h")
    #expect(cell.equations() == ["hₜ = \(printed) + W xₜ + U hₜ₋₁"])
  }

  @Test("An abbreviation is written out where it is used")
  func abbreviation() throws {
    let cell = try Cell(
      text: "cell a\nstate h\nmatrix W = w\nmatrix U = u\nlet m = tanh(h)\nh' = W x + U m + m")
    #expect(cell.names.isEmpty)
    #expect(cell.equations() == ["hₜ = W xₜ + U tanh(hₜ₋₁) + tanh(hₜ₋₁)"])
  }

  @Test("A value that is read again and again makes no long lines")
  func sharing() throws {
    let cell = try Cell("doubling") { cell in
      let h = cell.state("h"), W = cell.matrix("w")
      var value = W(cell.input) + h
      for _ in 0..<60 { value = tanh(value * value) }
      cell.next(h, value)
    }
    #expect(cell.text.utf8.count < 4000)
    let read = try Cell(text: cell.text)
    #expect(read.graph.nodes == cell.graph.nodes && read.text == cell.text)
    #expect(cell.latex.count < 8000)
  }

  @Test("A deep value and a long sum are read back", arguments: [1, 300, 800])
  func deep(_ depth: Int) throws {
    let cell = try Cell("deep") { cell in
      let h = cell.state("h"), W = cell.matrix("w")
      var deep = W(cell.input), sum = h
      for index in 0..<depth {
        deep = index % 2 == 0 ? 1 / (2 + deep) : tanh(deep)
        sum = sum + CellExpression(Double(index)) * h
      }
      cell.next(h, deep + sum)
    }
    let read = try Cell(text: cell.text)
    #expect(read.graph.nodes == cell.graph.nodes && read.text == cell.text)
  }

  @Test("A file is read as its text is")
  func file() throws {
    let scratch = try Scratch()
    let path = try scratch.write(Array(Cell.gru.text.utf8), as: "my.cell")
    #expect(try Cell(contentsOf: path).text == Cell.gru.text)
    let missing = scratch.file("x")
    #expect(throws: CellTextError.file(.missing(file: missing))) { try Cell(contentsOf: missing) }
  }
}
