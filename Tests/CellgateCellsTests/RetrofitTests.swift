import CellgateCells
import Testing

struct RetrofitTests {
  @Test func memoryWeightsBecomeZero() throws {
    let retrofit = try Retrofit(from: .lstm, to: .lstmWM)
    let names = Cell.lstmWM.parameters.map(\.name)
    let memory = try #require(names.firstIndex(of: "weight_mh"))
    for (index, sources) in retrofit.sources.enumerated() {
      if index == memory {
        #expect(sources == [.zero, .zero, .zero])
      } else {
        let old = try #require(Cell.lstm.parameters.firstIndex { $0.name == names[index] })
        #expect(sources == (0..<4).map { .old(parameter: old, gate: $0) })
      }
    }
    #expect(retrofit.states == [0, 1])
  }

  @Test(arguments: ["lstm-wm", "lstm-ph", "lstm-ph-full", "lstm-wm-stale", "lstm-wm-inner", "lstm"])
  func lstmBecomes(_ name: String) throws {
    let cell = try #require(Cell.all.first { $0.name == name })
    let retrofit = try Retrofit(from: .lstm, to: cell)
    let own = retrofit.sources.joined()
    #expect(own.count(where: { $0 == .zero }) == own.count - 12)
  }

  @Test(arguments: ["gru", "mgu", "rnn-tanh", "lstm-coupled"])
  func otherCellsDoNot(_ name: String) throws {
    let cell = try #require(Cell.all.first { $0.name == name })
    let error = #expect(throws: RetrofitError.self) { try Retrofit(from: .lstm, to: cell) }
    let text = try #require(error).description
    #expect(text.hasPrefix("lstm can't become \(name): "))
    #expect(!text.contains("\n"))
  }

  @Test func everyCellBecomesItself() throws {
    for cell in Cell.all {
      let retrofit = try Retrofit(from: cell, to: cell)
      for (parameter, sources) in retrofit.sources.enumerated() {
        #expect(sources == sources.indices.map { .old(parameter: parameter, gate: $0) }, "\(cell)")
      }
    }
  }

  @Test func aFactorOfOneAndTermsInAnotherOrder() throws {
    // h′ = tanh(s ⊙ (b + W x) + α ⊙ tanh(V h) + U h): the old cell at s = 1, α = 0.
    let old = try Cell("old") { cell in
      let h = cell.state("h")
      let W = cell.matrix("w"), U = cell.matrix("u"), b = cell.vector("b")
      cell.next(h, tanh(W(cell.input) + b + U(h)))
    }
    let new = try Cell("new") { cell in
      let h = cell.state("h")
      let W = cell.matrix("first"), U = cell.matrix("second"), V = cell.matrix("third")
      let s = cell.vector("scale"), a = cell.vector("rate"), b = cell.vector("shift")
      let inner = b + W(cell.input)
      cell.next(h, tanh(U(h) + a * tanh(V(h)) + s * inner))
    }
    // The sum inside of the product with s is not one of the old cell's values.
    #expect(throws: RetrofitError.self) { try Retrofit(from: old, to: new) }
    let other = try Cell("other") { cell in
      let h = cell.state("h")
      let W = cell.matrix("first"), U = cell.matrix("second"), V = cell.matrix("third")
      let s = cell.vector("scale"), a = cell.vector("rate"), b = cell.vector("shift")
      cell.next(h, tanh(U(h) + a * tanh(V(h)) + b + s * W(cell.input)))
    }
    let retrofit = try Retrofit(from: old, to: other)
    let sources = Dictionary(
      uniqueKeysWithValues: zip(other.parameters.map(\.name), retrofit.sources.map { $0[0] }))
    #expect(sources["first"] == .old(parameter: 0, gate: 0))
    #expect(sources["second"] == .old(parameter: 1, gate: 0))
    #expect(sources["shift"] == .old(parameter: 2, gate: 0))
    #expect(sources["scale"] == .one)
    #expect(sources["rate"] == .zero)
    #expect(sources["third"] == .initial)
  }

  @Test func swappedStatesAreFound() throws {
    let old = try Cell("old") { cell in
      let h = cell.state("h"), a = cell.state("a"), b = cell.state("b")
      let W = cell.matrix("w")
      let a1 = cell.next(a, a + W(cell.input))
      let b1 = cell.next(b, b * 0.5 + a)
      cell.next(h, tanh(a1) + b1 + 0 * h)
    }
    let new = try Cell("new") { cell in
      let h = cell.state("h"), b = cell.state("b"), a = cell.state("a")
      let W = cell.matrix("w"), M = cell.matrix("m")
      let a1 = cell.next(a, a + W(cell.input) + tanh(M(b)))
      let b1 = cell.next(b, b * 0.5 + a)
      cell.next(h, tanh(a1) + b1 + 0 * h)
    }
    let retrofit = try Retrofit(from: old, to: new)
    #expect(retrofit.states == [0, 2, 1])
  }

  @Test func manyEqualTermsEnd() throws {
    func sum(_ name: String, _ count: Int, _ last: (CellBuilder, CellExpression) -> CellExpression) throws
      -> Cell
    {
      try Cell(name) { cell in
        let h = cell.state("h")
        var value = last(cell, h)
        for index in 0..<count { value = value + cell.matrix("w\(index)")(cell.input) }
        cell.next(h, value)
      }
    }
    let first = try sum("first", 25) { _, h in sigmoid(h) }
    let second = try sum("second", 25) { _, h in tanh(h) }
    #expect(throws: RetrofitError.self) { try Retrofit(from: first, to: second) }
  }
}
