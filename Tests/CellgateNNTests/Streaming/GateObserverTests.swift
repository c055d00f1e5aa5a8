import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@Suite("GateObserver")
struct GateObserverTests {
  @Test("Means of an LSTM's gates are those of its equations", arguments: [true, false])
  func equations(symbols: Bool) throws {
    let model = try ModelStreamTests.model(.lstm, layers: 1, symbols: symbols)
    let observer = try #require(GateObserver(model))
    let stream = try model.stream()
    let state = model.state
    func numbers(_ name: String) throws -> [Float] {
      let entry = try #require(state.entries.first { $0.name.hasSuffix(name) })
      return entry.tensor.scalars
    }
    let (wx, wh, bias) = (try numbers("weight_ih_l0"), try numbers("weight_hh_l0"), try numbers("bias_l0"))
    let units = 20, width = wx.count / (4 * units)
    var session = stream.session()
    for step in 0..<3 {
      let input: [Float] = symbols ? [Float(1 + step * 3)] : [0.5, -1, Float(step), 0.25, 2]
      let before = session
      _ = try stream.step(&session, input)
      var x = input
      if symbols {
        let table = try numbers("embedding.weight")
        x = Array(table[Int(input[0]) * width..<(Int(input[0]) + 1) * width])
      }
      for (gate, found) in zip([0, 1, 3], observer.activities(input: input, before: before, after: session)) {
        var sum = 0.0
        for unit in gate * units..<(gate + 1) * units {
          var z = Double(bias[unit])
          for place in x.indices { z += Double(wx[unit * width + place]) * Double(x[place]) }
          for place in 0..<units { z += Double(wh[unit * units + place]) * Double(before.states[place]) }
          sum += 1 / (1 + exp(-z))
        }
        // Sums of Float32 products of numbers below 3.
        #expect(abs(found.mean - sum / Double(units)) < 1e-5, "\(found.name)")
      }
    }
  }

  @Test("All cells with gates are seen in every layer, with means from 0 to 1", arguments: Cell.core)
  func cells(cell: Cell) throws {
    let model = try ModelStreamTests.model(cell, layers: 2, symbols: false)
    let stream = try model.stream()
    var session = stream.session()
    let before = session
    _ = try stream.step(&session, [1, 2, 3, 4, 5])
    let found = GateObserver(model)?.activities(input: [1, 2, 3, 4, 5], before: before, after: session)
    let hasGates = cell.text.contains("σ")
    #expect((found != nil) == hasGates)
    guard let found else { return }
    #expect(found.allSatisfy { $0.mean > 0 && $0.mean < 1 })
    let names = [1, 2].map { layer in found.filter { $0.layer == layer }.map(\.name) }
    #expect(!names[0].isEmpty && names[0] == names[1] && Set(names[0]).count == names[0].count)
  }
}
